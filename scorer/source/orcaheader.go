package source

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	headerBinary = "Endpoint-Load-Metrics-Bin"
	headerNative = "Endpoint-Load-Metrics"
)

// orcaDecoder finds ORCA's report in a response, in whichever form it is.
type orcaDecoder struct{}

func (orcaDecoder) decode(r *scorer.Report, header http.Header, body []byte, _ time.Time) ([]drop, error) {
	if value := header.Get(headerBinary); value != "" {
		return nil, inHeader(headerBinary, decodeBase64(r, value))
	}
	if value := header.Get(headerNative); value != "" {
		drops, err := decodeNative(r, value)
		return drops, inHeader(headerNative, err)
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err == nil && slices.Contains([]string{"application/x-protobuf", "application/protobuf"}, kind) {
		return nil, decodeORCABinary(r, body)
	}
	return decodeORCA(r, body)
}

func inHeader(name string, err error) error {
	if err != nil {
		return fmt.Errorf("header %s: %w", strings.ToLower(name), err)
	}
	return nil
}

// decodeNative reads the header whose first word is the format.
func decodeNative(r *scorer.Report, value string) ([]drop, error) {
	format, rest, _ := strings.Cut(value, " ")
	switch format {
	case "TEXT":
		return decodeORCAText(r, rest)
	case "JSON":
		return decodeORCA(r, []byte(rest))
	case "BIN":
		return nil, decodeBase64(r, rest)
	default:
		return nil, fmt.Errorf("format %.20q: want TEXT, JSON or BIN", format)
	}
}

// decodeBase64 reads a binary report; gRPC leaves the padding out.
func decodeBase64(r *scorer.Report, value string) error {
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimSpace(value), "="))
	if err != nil {
		return err
	}
	return decodeORCABinary(r, raw)
}

// decodeORCAText reads name=value pairs, separated by commas, with the names of
// OrcaLoadReport's fields and a dot before the keys of its maps.
func decodeORCAText(r *scorer.Report, text string) ([]drop, error) {
	fields := map[string]json.RawMessage{}
	named := map[string]json.RawMessage{}
	for pair := range strings.SplitSeq(text, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(pair), "=")
		if !ok {
			continue
		}
		switch key, isNamed := strings.CutPrefix(name, "named_metrics."); {
		case isNamed:
			named[key] = json.RawMessage(value)
		case isRatio(name):
			named[name] = json.RawMessage(value)
		default:
			fields[name] = json.RawMessage(value)
		}
	}
	drops := decodeScalars(r, fields)
	drops = append(drops, takeNamed(r, named, "")...)
	countOpen(r)
	return drops, orEmpty(r, drops)
}
