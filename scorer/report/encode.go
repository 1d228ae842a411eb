package report

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/protobuf/proto"
)

// scalars are ORCA's fields of single numbers that are known, in one order.
func (l Load) scalars(yield func(name string, v float64) bool) {
	for _, f := range []struct {
		name  string
		value float64
	}{
		{"application_utilization", l.Utilization},
		{"cpu_utilization", l.CPU},
		{"mem_utilization", l.Memory},
		{"rps_fractional", l.RPS},
		{"eps", l.EPS},
	} {
		if usable(f.value) && !yield(f.name, f.value) {
			return
		}
	}
}

// named are the named metrics that can be reported.
func (l Load) named() map[string]float64 {
	out := make(map[string]float64, len(l.Named))
	for name, v := range l.Named {
		if usable(v) {
			out[name] = v
		}
	}
	return out
}

// MarshalJSON writes the names of ORCA's fields, those that are known, with
// "draining" besides while it is true. A field of 0 is written: it was measured.
func (l Load) MarshalJSON() ([]byte, error) {
	out := map[string]any{}
	for name, v := range l.scalars {
		out[name] = v
	}
	if named := l.named(); len(named) > 0 {
		out["named_metrics"] = named
	}
	if l.Draining {
		out["draining"] = true
	}
	return json.Marshal(out)
}

// Proto is ORCA's own message. In it, what is 0 and what is not known are the
// same.
func (l Load) Proto() *orcav3.OrcaLoadReport {
	m := &orcav3.OrcaLoadReport{NamedMetrics: l.named()}
	for name, v := range l.scalars {
		switch name {
		case "application_utilization":
			m.ApplicationUtilization = v
		case "cpu_utilization":
			m.CpuUtilization = v
		case "mem_utilization":
			m.MemUtilization = v
		case "rps_fractional":
			m.RpsFractional = v
		case "eps":
			m.Eps = v
		}
	}
	return m
}

// Format is how a load report is written into a header.
type Format string

// The formats that Envoy and gRPC read, and trimtab.
const (
	// Text is name=value pairs after the word TEXT, in endpoint-load-metrics.
	Text Format = "TEXT"
	// JSON is an object after the word JSON, in endpoint-load-metrics.
	JSON Format = "JSON"
	// Binary is an OrcaLoadReport in base64, in endpoint-load-metrics-bin.
	Binary Format = "BIN"
)

// The headers of in-band reports, and the one by which a client asks for them.
const (
	headerNative = "Endpoint-Load-Metrics"
	headerBinary = "Endpoint-Load-Metrics-Bin"
	headerAsk    = "Endpoint-Load-Metrics-Format"
)

// parseFormat reads what a client asks for.
func parseFormat(s string) (Format, bool) {
	f := Format(strings.ToUpper(s))
	return f, slices.Contains([]Format{Text, JSON, Binary}, f)
}

// Header is a load report as a header of a response: its name and value.
func (l Load) Header(f Format) (name, value string, err error) {
	switch f {
	case Binary:
		raw, err := proto.Marshal(l.Proto())
		return headerBinary, base64.StdEncoding.EncodeToString(raw), err
	case JSON:
		raw, err := l.MarshalJSON()
		return headerNative, "JSON " + string(raw), err
	default:
		return headerNative, "TEXT " + l.text(), nil
	}
}

func (l Load) text() string {
	var b strings.Builder
	write := func(name string, v float64) {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(name + "=" + strconv.FormatFloat(v, 'g', -1, 64))
	}
	for name, v := range l.scalars {
		write(name, v)
	}
	named := l.named()
	for _, name := range slices.Sorted(maps.Keys(named)) {
		if checkName(name) == nil { // a Source's names may be anything
			write("named_metrics."+name, named[name])
		}
	}
	return b.String()
}
