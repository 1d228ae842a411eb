package haproxy

import (
	"bytes"
	"time"
)

// checkStream reads the long form of "show sess" of one pointer and says whether
// it still is the stream that was listed at least so long ago and still does the
// same, and whether that client has a stream in this place at all. HAProxy gives
// the place of a stream that has ended to the next one.
func checkStream(text []byte, listed stream, backend, server string, least time.Duration) (same, there bool) {
	text = bytes.TrimSpace(text)
	pointer, rest, ok := bytes.Cut(text, []byte(": "))
	if !ok || string(pointer) != listed.pointer {
		return false, false
	}
	head, rest, _ := bytes.Cut(rest, []byte{'\n'})
	source, _ := fieldOf(head, "source=")
	inBackend, inServer, since := []byte(nil), []byte(nil), age{}
	tcp, request, response := false, []byte(nil), []byte(nil)
	for line := range bytes.Lines(rest) {
		line = bytes.TrimSpace(line)
		switch key, _, _ := bytes.Cut(line, []byte{'='}); string(key) {
		case "backend":
			inBackend, _ = fieldOf(line, "backend=")
			tcp = bytes.Contains(line, []byte(" mode=tcp)"))
		case "server":
			inServer, _ = fieldOf(line, "server=")
		case "task":
			shown, _ := fieldOf(line, "age=")
			since = parseAge(bytes.TrimSuffix(shown, []byte{')'}))
		case "txn":
			request, _ = fieldOf(line, "req.st=")
			response, _ = fieldOf(line, "rsp.st=")
		}
	}
	there = string(source) == listed.source && string(inBackend) == backend && string(inServer) == server
	return there && since.follows(listed.age, least) && doing(tcp, request, response) == listed.doing, there
}

// doing is what the states of a transaction say; in TCP mode there is none.
func doing(tcp bool, request, response []byte) activity {
	switch {
	case tcp && len(request) == 0:
		return tunnelling
	case string(request) == "MSG_TUNNEL" && string(response) == "MSG_TUNNEL":
		return tunnelling
	case string(response) == "MSG_DATA":
		return responding
	default:
		return requesting
	}
}
