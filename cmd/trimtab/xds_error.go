package main

import (
	"errors"
	"strconv"
	"strings"

	"google.golang.org/grpc/status"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// explained is an error of gRPC's for whoever typed the command: what gRPC wraps
// around the cause is left out, and what to look at is added.
type explained struct {
	cause  error
	text   string
	advice string // "" for none
}

func (e explained) Error() string {
	if e.advice == "" {
		return e.text
	}
	return e.text + ": " + e.advice
}

func (e explained) Unwrap() error { return e.cause }

// explain leaves an error alone that is not gRPC's.
func explain(err error) error {
	var from interface{ GRPCStatus() *status.Status }
	if !errors.As(err, &from) {
		return err
	}
	text := from.GRPCStatus().Message()
	if _, quoted, ok := strings.Cut(text, "connection error: desc = "); ok {
		if inner, err := strconv.Unquote(quoted); err == nil {
			text = inner
		}
	}
	out := explained{cause: err, text: printable.Line(strings.TrimPrefix(text, "transport: "))}
	for _, known := range []struct{ says, advice string }{
		{"connection refused", "is trimtab running there, with xds.listen? see --server"},
		{"looked like an HTTP/1.1 header", "this is no xDS server; trimtab's is on xds.listen, not on admin.listen"},
		{"does not look like a TLS handshake", "the server speaks plain text: leave --ca, --cert, --key and --server-name out"},
		{"server preface: EOF", "does the server speak TLS? then --ca is missing"},
		{"certificate required", "the server asks for a client's certificate: --cert and --key are missing"},
		{"broken pipe", "the server has hung up: if it asks for a client's certificate, --cert and --key are missing"},
		{"connection reset", "the server has hung up: if it asks for a client's certificate, --cert and --key are missing"},
		{"unknown authority", "--ca names who has signed the server's certificate"},
		{"certificate is valid for", "--server-name says which name it has"},
		{"produced zero addresses", "--server is not host:port, or the name has no address"},
		{"xds.nodes", "--node says which node to be"},
	} {
		if strings.Contains(text, known.says) {
			out.advice = known.advice
			break
		}
	}
	return out
}
