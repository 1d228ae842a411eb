package haproxy

import (
	"bytes"
	"fmt"
	"strconv"
)

// stream is one of HAProxy's streams, which its runtime API calls sessions: a
// request that is under way, or a connection that has become a tunnel (a
// WebSocket, CONNECT, everything in TCP mode). A client that is connected and
// asks for nothing has none.
type stream struct {
	// pointer is where HAProxy keeps it, and its name in commands. The next
	// stream may get the same place.
	pointer string
	// source is the client's address and port, which the streams of one HTTP/2
	// connection share.
	source string
	age    age
	doing  activity
}

// activity is what a stream does.
type activity uint8

const (
	// requesting is anything before and between the other two.
	requesting activity = iota
	// responding has got its response's headers and gets its body.
	responding
	// tunnelling carries bytes that HAProxy does not look into.
	tunnelling
)

// Analysers are HAProxy's stages of a stream that are still to come, a bit each.
// Those of filters (compression, say) stay for the whole life of a tunnel.
const (
	requestFilters  = 0x00060000
	responseFilters = 0x30000000
	responseBody    = 0x04000000
)

func activityOf(request, response uint64) activity {
	switch {
	case request&^requestFilters == 0 && response&^responseFilters == 0:
		return tunnelling
	case response&responseBody != 0:
		return responding
	default:
		return requesting
	}
}

// parseStreams reads the short form of "show sess" and calls each with those of the
// places that are wanted; the text is not kept. It returns how many the reply
// listed: before 3.2 HAProxy lists those of all servers, whatever it is asked.
func parseStreams(text []byte, wanted map[place]int, each func(place, stream)) (listed int, err error) {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		pointer, rest, ok := bytes.Cut(line, []byte(": "))
		if !ok || !isPointer(pointer) {
			return listed, unexpectedStreams(line)
		}
		of, name, ok := placeOf(rest)
		if !ok {
			return listed, unexpectedStreams(line)
		}
		listed++
		if wanted[place{string(of), string(name)}] == 0 {
			continue
		}
		source, _ := fieldOf(rest, "src=")
		shown, _ := fieldOf(rest, "age=")
		each(place{string(of), string(name)}, stream{
			pointer: string(pointer), source: string(source), age: parseAge(shown),
			doing: activityOf(analysersOf(rest, "rq["), analysersOf(rest, "rp[")),
		})
	}
	return listed, nil
}

func unexpectedStreams(line []byte) error {
	return fmt.Errorf("show sess: %q is no session: %w", line[:min(len(line), maxQuoted)], ErrUnexpected)
}

// placeOf is the backend and the server of a line.
func placeOf(line []byte) (backend, server []byte, ok bool) {
	backend, inBackend := fieldOf(line, "be=")
	server, inServer := fieldOf(line, "srv=")
	return backend, server, inBackend && inServer
}

// fieldOf is the value of the field that begins with key, up to the next space.
func fieldOf(line []byte, key string) (value []byte, ok bool) {
	for from := 0; ; {
		at := bytes.Index(line[from:], []byte(key))
		if at < 0 {
			return nil, false
		}
		at += from
		if at == 0 || line[at-1] == ' ' {
			value, _, _ = bytes.Cut(line[at+len(key):], []byte{' '})
			return value, true
		}
		from = at + len(key)
	}
}

// analysersOf are the analysers of a channel ("rq[f=848000h,i=0,an=00h,…]"); all
// of them when it does not say, so that it is taken for something at work.
func analysersOf(line []byte, channel string) uint64 {
	value, _ := fieldOf(line, channel)
	_, value, ok := bytes.Cut(value, []byte("an="))
	if end := bytes.IndexByte(value, 'h'); ok && end >= 0 {
		if n, err := strconv.ParseUint(string(value[:end]), 16, 32); err == nil {
			return n
		}
	}
	return ^uint64(0) &^ responseBody
}

// isPointer says whether text is what HAProxy prints of a pointer, which is all
// of a reply that is ever sent back.
func isPointer(text []byte) bool {
	digits, ok := bytes.CutPrefix(text, []byte("0x"))
	if !ok || len(digits) == 0 || len(digits) > 16 {
		return false
	}
	for _, c := range digits {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
