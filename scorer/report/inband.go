package report

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
)

// When says which responses carry a load report.
type When uint8

const (
	// Never is the default: what a server's load is can be of use to an
	// attacker, and a proxy passes headers on unless it is told not to.
	Never When = iota
	// Asked is for requests with the header endpoint-load-metrics-format (in
	// gRPC, metadata of that name), which says TEXT, JSON or BIN.
	Asked
	// Always is for all responses.
	Always
)

// InBand says which responses carry a load report, and in which format those do
// that did not ask for one.
type InBand struct {
	When When
	// Format defaults to Text. In gRPC it is always Binary.
	Format Format
}

func (b InBand) check() error {
	if b.When > Always {
		return fmt.Errorf("load report in band: unknown time %d", b.When)
	}
	if _, ok := parseFormat(string(b.Format)); !ok && b.Format != "" {
		return fmt.Errorf("load report in band: format %q: want %s, %s or %s", b.Format, Text, JSON, Binary)
	}
	return nil
}

// header is a header ready to be sent. It is shared by responses and never
// changed; its value has no room to grow.
type header struct {
	name  string
	value []string
}

// headers are a load report in all formats.
type headers struct {
	text, json, binary header
	message            []byte
}

// inBand holds what responses carry: the report as of the last measurement, as
// writing one for each response would cost more than most responses.
type inBand struct{ current atomic.Pointer[headers] }

func (b *inBand) publish(r *Reporter) {
	if r.options.InBand.When == Never {
		return
	}
	l := r.Load()
	write := func(f Format) header {
		name, value, err := l.Header(f)
		if err != nil || value == "" || value == "TEXT " {
			return header{}
		}
		return header{name, []string{value}}
	}
	message, err := proto.Marshal(l.Proto())
	if err != nil {
		message = nil // names that are no text
	}
	b.current.Store(&headers{write(Text), write(JSON), write(Binary), message})
}

// addInBand puts the report into a response where it belongs there.
func (r *Reporter) addInBand(to http.Header, request *http.Request) {
	if r.options.InBand.When == Never {
		return // before the request's headers are searched
	}
	asked := ""
	if values := request.Header[headerAsk]; len(values) > 0 { // Get would write the name anew
		asked = values[0]
	}
	format, ok := r.options.InBand.format(asked)
	if !ok {
		return
	}
	now := r.inBand.current.Load()
	h := now.text
	switch format {
	case JSON:
		h = now.json
	case Binary:
		h = now.binary
	}
	if h.name != "" {
		to[h.name] = h.value
	}
}

// InBandMessage is the load report as an OrcaLoadReport in bytes, for servers of
// other protocols than HTTP. asked is what a request asks for, "" for nothing; ok
// is false when its response carries no report. The bytes must not be changed.
func (r *Reporter) InBandMessage(asked string) (message []byte, ok bool) {
	if _, ok := r.options.InBand.format(asked); !ok {
		return nil, false
	}
	now := r.inBand.current.Load()
	return now.message, len(now.message) > 0
}

// format is how a response carries a load report, if it does.
func (b InBand) format(asked string) (Format, bool) {
	if b.When == Never {
		return "", false
	}
	if asked != "" {
		if f, ok := parseFormat(asked); ok {
			return f, true
		}
	}
	if b.Format == "" {
		b.Format = Text
	}
	return b.Format, b.When == Always
}
