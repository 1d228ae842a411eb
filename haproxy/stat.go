package haproxy

import (
	"bytes"
	"fmt"
)

// row is a line of "show stat" for one server, or for a backend as a whole.
type row struct {
	rowText

	agent, throttled      bool
	id                    int64 // the backend's number
	kind                  int64 // 0 frontend, 1 backend, 2 server, 3 listener
	weight                int
	sessions, queued      int64
	limit                 int64 // most sessions at a time, 0 for any number
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
}

type rowText struct {
	backend, server, address, status, mode, algorithm string
}

// backendRow is the svname of a backend as a whole.
const backendRow = "BACKEND"

// statParser reads "show stat" by the names in its header: the number of
// columns grows with every release (127 in 2.6, 212 in 3.4). It keeps the
// strings it has made, so that a poll makes nearly none.
type statParser struct {
	header  []byte
	columns []setter
	// last is the last column that anybody wants to know.
	last   int
	intern map[string]string
	// seen are the texts of the poll before, line by line, where most are found
	// again; line counts those of this poll.
	seen []rowText
	line int
}

// setter takes over a field. before are the texts that this line had last.
type setter func(p *statParser, r *row, before *rowText, field []byte)

func newStatParser() *statParser { return &statParser{intern: map[string]string{}} }

// rewind begins a poll.
func (p *statParser) rewind() { p.line = 0 }

func number(to func(*row) *int64) setter {
	return func(_ *statParser, r *row, _ *rowText, field []byte) { *to(r) = parseInt(field) }
}

func text(to func(*rowText) *string) setter {
	return func(p *statParser, r *row, before *rowText, field []byte) {
		last := to(before)
		if *last != string(field) {
			*last = p.string(field)
		}
		*to(&r.rowText) = *last
	}
}

// setters returns what is done with each known column.
func setters() map[string]setter {
	out := map[string]setter{
		"pxname": text(func(r *rowText) *string { return &r.backend }),
		"svname": text(func(r *rowText) *string { return &r.server }),
		"addr":   text(func(r *rowText) *string { return &r.address }),
		"status": text(func(r *rowText) *string { return &r.status }),
		"mode":   text(func(r *rowText) *string { return &r.mode }),
		"algo":   text(func(r *rowText) *string { return &r.algorithm }),

		"uweight": func(_ *statParser, r *row, _ *rowText, f []byte) { r.weight = int(parseInt(f)) },
		// An agent-check that is switched off has no status at all.
		"agent_status": func(_ *statParser, r *row, _ *rowText, f []byte) { r.agent = len(f) > 0 },
		"throttle":     func(_ *statParser, r *row, _ *rowText, f []byte) { r.throttled = len(f) > 0 && parseInt(f) < 100 },

		"scur":     number(func(r *row) *int64 { return &r.sessions }),
		"iid":      number(func(r *row) *int64 { return &r.id }),
		"type":     number(func(r *row) *int64 { return &r.kind }),
		"qcur":     number(func(r *row) *int64 { return &r.queued }),
		"slim":     number(func(r *row) *int64 { return &r.limit }),
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
	for len(rest) > 0 {
		if rest[0] == '\n' || rest[0] == '\r' {
			rest = rest[1:]
			continue
		}
		r = row{weight: -1}
		if p.line++; p.line > len(p.seen) {
			p.seen = append(p.seen, rowText{})
		}
		var err error
		if rest, err = p.readLine(rest, &r); err != nil {
			return fmt.Errorf("show stat: row %d: %w", p.line, err)
		}
		if r.backend == "" || r.server == "" {
			return fmt.Errorf("show stat: row %d: no names: %w", p.line, ErrUnexpected)
		}
		each(&r)
	}
	return nil
}

// readLine reads one line and returns what is after it.
func (p *statParser) readLine(rest []byte, r *row) ([]byte, error) {
	before := &p.seen[p.line-1]
	line, after, _ := bytes.Cut(rest, []byte{'\n'})
	if bytes.IndexByte(line, '"') < 0 {
		p.readPlain(line, r, before)
		return after, nil
	}
	for column := 0; ; column++ {
		end, err := fieldEnd(rest)
		if err != nil {
			return nil, fmt.Errorf("column %d: %w", column+1, err)
		}
		if column <= p.last && p.columns[column] != nil {
			field := rest[:end]
			if end > 1 && field[0] == '"' {
				field = field[1 : end-1]
			}
			p.columns[column](p, r, before, field)
		}
		if end == len(rest) || rest[end] == '\n' {
			return rest[min(end+1, len(rest)):], nil
		}
		rest = rest[end+1:]
	}
}

// readPlain reads a line without quotes, as nearly all are.
func (p *statParser) readPlain(line []byte, r *row, before *rowText) {
	column, start := 0, 0
	for i, c := range line {
		if c != ',' {
			continue
		}
		if set := p.columns[column]; set != nil {
			set(p, r, before, line[start:i])
			if column == p.last {
				return
			}
		}
		column, start = column+1, i+1
	}
	if set := p.columns[column]; set != nil {
		set(p, r, before, line[start:])
	}
}

// fieldEnd is where the first field ends: at a comma, at the end of the line or
// of everything. A quoted field may hold commas, doubled quotes and even ends of
// lines.
func fieldEnd(rest []byte) (int, error) {
	if len(rest) == 0 || rest[0] != '"' {
		for i, c := range rest {
			if c == ',' || c == '\n' {
				return i, nil
			}
		}
		return len(rest), nil
	}
	end := quotedEnd(rest)
	switch {
	case end < 0:
		return 0, fmt.Errorf("quote without an end: %w", ErrUnexpected)
	case end+1 < len(rest) && rest[end+1] != ',' && rest[end+1] != '\n':
		return 0, fmt.Errorf("text after a quote: %w", ErrUnexpected)
	}
	return end + 1, nil
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
	last := 0
	for i, name := range names {
		columns[i] = known[string(name)]
		seen[string(name)] = true
		if columns[i] != nil {
			last = i
		}
	}
	for _, name := range required {
		if !seen[name] {
			quoted := string(header[:min(len(header), maxQuoted)])
			return fmt.Errorf("show stat: no column %q in %q: %w", name, quoted, ErrUnexpected)
		}
	}
	p.header, p.columns, p.last = bytes.Clone(header), columns, last
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
