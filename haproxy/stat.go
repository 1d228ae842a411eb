package haproxy

import (
	"bytes"
	"fmt"
)

// row is a line of "show stat" for one server, or for a backend as a whole.
type row struct {
	backend, server string
	address         string
	status, mode    string
	algorithm       string
	agent           bool

	weight, effective     int
	sessions, queued      int64
	total                 int64
	connectErrors         int64
	responseErrors        int64
	retries, redispatches int64
	serverAborts          int64
	clientAborts          int64
	responses             [6]int64 // 1xx to 5xx, other
	requests              int64
	responseTime          int64 // ms, mean of the last finished requests
	totalTime             int64
	throttled             bool
}

// backendRow is the svname of a backend as a whole.
const backendRow = "BACKEND"

// statParser reads "show stat" by the names in its header: the number of
// columns grows with every release (127 in 2.6, 212 in 3.4). It keeps the
// strings it has made, so that a poll makes nearly none.
type statParser struct {
	header  []byte
	columns []setter
	intern  map[string]string
}

type setter func(p *statParser, r *row, field []byte)

func newStatParser() *statParser { return &statParser{intern: map[string]string{}} }

func number(to func(*row) *int64) setter {
	return func(_ *statParser, r *row, field []byte) { *to(r) = parseInt(field) }
}

func text(to func(*row) *string) setter {
	return func(p *statParser, r *row, field []byte) { *to(r) = p.string(field) }
}

// setters returns what is done with each known column.
func setters() map[string]setter {
	out := map[string]setter{
		"pxname": text(func(r *row) *string { return &r.backend }),
		"svname": text(func(r *row) *string { return &r.server }),
		"addr":   text(func(r *row) *string { return &r.address }),
		"status": text(func(r *row) *string { return &r.status }),
		"mode":   text(func(r *row) *string { return &r.mode }),
		"algo":   text(func(r *row) *string { return &r.algorithm }),

		"weight":  func(_ *statParser, r *row, f []byte) { r.effective = int(parseInt(f)) },
		"uweight": func(_ *statParser, r *row, f []byte) { r.weight = int(parseInt(f)) },
		// An agent-check that is switched off has no status at all.
		"agent_status": func(_ *statParser, r *row, f []byte) { r.agent = len(f) > 0 },
		"throttle":     func(_ *statParser, r *row, f []byte) { r.throttled = len(f) > 0 && parseInt(f) < 100 },

		"scur":     number(func(r *row) *int64 { return &r.sessions }),
		"qcur":     number(func(r *row) *int64 { return &r.queued }),
		"stot":     number(func(r *row) *int64 { return &r.total }),
		"econ":     number(func(r *row) *int64 { return &r.connectErrors }),
		"eresp":    number(func(r *row) *int64 { return &r.responseErrors }),
		"wretr":    number(func(r *row) *int64 { return &r.retries }),
		"wredis":   number(func(r *row) *int64 { return &r.redispatches }),
		"srv_abrt": number(func(r *row) *int64 { return &r.serverAborts }),
		"cli_abrt": number(func(r *row) *int64 { return &r.clientAborts }),
		"req_tot":  number(func(r *row) *int64 { return &r.requests }),
		"rtime":    number(func(r *row) *int64 { return &r.responseTime }),
		"ttime":    number(func(r *row) *int64 { return &r.totalTime }),
	}
	for i, name := range []string{"hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"} {
		out[name] = number(func(r *row) *int64 { return &r.responses[i] })
	}
	return out
}

// required are the columns without which nothing can be said.
var required = [...]string{"pxname", "svname", "scur", "stot", "status", "weight", "uweight"}

// parse calls each for every row of the dump. The row is valid during the call.
func (p *statParser) parse(dump []byte, each func(*row)) error {
	if len(dump) == 0 {
		return fmt.Errorf("show stat: empty reply: %w", ErrUnexpected)
	}
	header, rest, _ := bytes.Cut(dump, []byte{'\n'})
	if err := p.learn(header); err != nil {
		return err
	}
	var r row
	for line := 2; len(rest) > 0; line++ {
		if rest[0] == '\n' || rest[0] == '\r' {
			rest = rest[1:]
			continue
		}
		r = row{weight: -1, effective: -1}
		var err error
		if rest, err = p.line(rest, &r); err != nil {
			return fmt.Errorf("show stat: line %d: %w", line, err)
		}
		if r.backend == "" || r.server == "" {
			return fmt.Errorf("show stat: line %d: no names: %w", line, ErrUnexpected)
		}
		each(&r)
	}
	return nil
}

// line reads one line, in which a quoted field may hold commas, doubled quotes
// and even ends of lines.
func (p *statParser) line(rest []byte, r *row) ([]byte, error) {
	for column := 0; ; column++ {
		var field []byte
		if len(rest) > 0 && rest[0] == '"' {
			end := quotedEnd(rest)
			if end < 0 {
				return nil, fmt.Errorf("quote without an end: %w", ErrUnexpected)
			}
			field, rest = rest[1:end], rest[end+1:]
		} else {
			end := 0
			for end < len(rest) && rest[end] != ',' && rest[end] != '\n' {
				end++
			}
			field, rest = rest[:end], rest[end:]
		}
		if column < len(p.columns) && p.columns[column] != nil {
			p.columns[column](p, r, field)
		}
		switch {
		case len(rest) == 0:
			return nil, nil
		case rest[0] == '\n':
			return rest[1:], nil
		case rest[0] != ',':
			return nil, fmt.Errorf("column %d: text after a quote: %w", column+1, ErrUnexpected)
		}
		rest = rest[1:]
	}
}

func quotedEnd(b []byte) int {
	for i := 1; i < len(b); i++ {
		if b[i] != '"' {
			continue
		}
		if i+1 < len(b) && b[i+1] == '"' {
			i++
			continue
		}
		return i
	}
	return -1
}

// learn finds out which column is which; a header seen before is known already.
func (p *statParser) learn(header []byte) error {
	if p.columns != nil && bytes.Equal(header, p.header) {
		return nil
	}
	names := bytes.Split(bytes.TrimLeft(bytes.TrimRight(header, "\r,"), "# "), []byte{','})
	known := setters()
	columns := make([]setter, len(names))
	seen := map[string]bool{}
	for i, name := range names {
		columns[i] = known[string(name)]
		seen[string(name)] = true
	}
	for _, name := range required {
		if !seen[name] {
			quoted := string(header[:min(len(header), maxQuoted)])
			return fmt.Errorf("show stat: no column %q in %q: %w", name, quoted, ErrUnexpected)
		}
	}
	p.header, p.columns = bytes.Clone(header), columns
	return nil
}

const maxInterned = 1 << 20

func (p *statParser) string(b []byte) string {
	if s, ok := p.intern[string(b)]; ok {
		return s
	}
	if len(p.intern) > maxInterned {
		clear(p.intern)
	}
	s := string(b)
	p.intern[s] = s
	return s
}

// parseInt reads a decimal number, 0 for anything else: columns that do not
// apply are empty.
func parseInt(b []byte) int64 {
	var n int64
	for i, c := range b {
		if c == '-' && i == 0 {
			continue
		}
		if c < '0' || c > '9' || n > (1<<62)/10 {
			return 0
		}
		n = 10*n + int64(c-'0')
	}
	if len(b) > 0 && b[0] == '-' {
		return -n
	}
	return n
}
