package report

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
)

// tracked is the ResponseWriter of one request.
type tracked struct {
	http.ResponseWriter
	request    Request
	connection *Connection
	status     int32
	hijacked   bool
}

func (t *tracked) trackedBy(r *Reporter) *tracked {
	if t.request.reporter != r {
		return nil
	}
	return t
}

// Unwrap is for http.ResponseController.
func (t *tracked) Unwrap() http.ResponseWriter { return t.ResponseWriter }

// WriteHeader notes the status. One of 1xx is not the last, but for 101.
func (t *tracked) WriteHeader(status int) {
	if t.status == 0 && (status >= 200 || status == http.StatusSwitchingProtocols) {
		t.status = int32(status)
	}
	t.ResponseWriter.WriteHeader(status)
}

// dressed is the writer with what the server's can do besides, and no more, as
// handlers find out by asking for an interface.
func (t *tracked) dressed() http.ResponseWriter {
	_, flushes := t.ResponseWriter.(http.Flusher)
	_, hijacks := t.ResponseWriter.(http.Hijacker)
	_, pushes := t.ResponseWriter.(http.Pusher)
	switch {
	case flushes && hijacks: // HTTP/1
		return hijacker{flusher{t}}
	case flushes && pushes: // HTTP/2
		return pusher{flusher{t}}
	case flushes:
		return flusher{t}
	default:
		return t
	}
}

type flusher struct{ *tracked }

// Flush sends what was written.
func (f flusher) Flush() { _ = f.FlushError() }

// FlushError is what http.ResponseController flushes by.
func (f flusher) FlushError() error {
	return http.NewResponseController(f.ResponseWriter).Flush()
}

type pusher struct{ flusher }

// Push begins a push of HTTP/2.
func (p pusher) Push(target string, o *http.PushOptions) error {
	return p.ResponseWriter.(http.Pusher).Push(target, o)
}

type hijacker struct{ flusher }

// ReadFrom lets the server send a file without copying it.
func (h hijacker) ReadFrom(from io.Reader) (int64, error) {
	if to, ok := h.ResponseWriter.(io.ReaderFrom); ok {
		return to.ReadFrom(from)
	}
	return io.Copy(struct{ io.Writer }{h.ResponseWriter}, from)
}

// Hijack takes the connection over: from now on it is no request any more.
func (h hijacker) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := h.ResponseWriter.(http.Hijacker).Hijack()
	if err != nil {
		return nil, nil, fmt.Errorf("take the connection over: %w", err)
	}
	h.hijacked = true
	if h.connection == nil {
		h.connection = h.request.Connect(nil)
	}
	return counted(conn, h.connection), buffered, nil
}
