package agentcheck

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
)

// maxLine is the longest request, its end of line included. HAProxy's own names
// are far shorter.
const maxLine = 512

// What can be wrong with a request.
var (
	errSilent = errors.New("nothing was sent within the deadline; the server line needs agent-send \"pool/backend\\n\"")
	errNoEnd  = errors.New("the line has no end; agent-send needs \\n at its end")
	errLong   = fmt.Errorf("the line is longer than %d bytes", maxLine)
	errEmpty  = errors.New("the line is empty; agent-send has to say \"pool/backend\\n\"")
	errName   = errors.New("the line is not of the form pool/backend")
)

// name is what a HAProxy asks about. The pool is empty where a plain name was
// sent.
type name struct{ pool, backend string }

func (n name) String() string {
	if n.pool == "" {
		return n.backend
	}
	return n.pool + "/" + n.backend
}

// readLine reads up to the first end of line, which it leaves off.
func readLine(in io.Reader, room []byte) ([]byte, error) {
	room = room[:min(len(room), maxLine)]
	filled := 0
	for {
		n, err := in.Read(room[filled:])
		if end := bytes.IndexByte(room[filled:filled+n], '\n'); end >= 0 {
			return room[:filled+end], nil
		}
		filled += n
		switch {
		case filled == len(room):
			return nil, errLong
		case err == nil:
		case filled > 0:
			return nil, errNoEnd
		case errors.Is(err, io.EOF) || isTimeout(err):
			return nil, errSilent
		default:
			return nil, err
		}
	}
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

// parseName reads "pool/backend" or "backend". A name is printable ASCII without
// spaces, as HAProxy's own are.
func parseName(line []byte) (name, error) {
	line = bytes.TrimSuffix(line, []byte{'\r'})
	if len(line) == 0 {
		return name{}, errEmpty
	}
	for _, c := range line {
		if c <= ' ' || c >= 0x7f {
			return name{}, errName
		}
	}
	before, after, ok := bytes.Cut(line, []byte{'/'})
	switch {
	case !ok:
		return name{backend: string(line)}, nil
	case len(before) == 0 || len(after) == 0 || bytes.IndexByte(after, '/') >= 0:
		return name{}, errName
	}
	return name{pool: string(before), backend: string(after)}, nil
}
