package policy

import (
	"bytes"
	"slices"
	"strings"
)

// apply makes the new text: everything that is not touched is copied.
func (w *walker) apply(e *Edited, touched []int, replace map[int]bool, algorithm string) {
	text := w.files[e.File].Text
	copied := 0
	for _, i := range touched {
		l := &w.lines[i]
		c := Change{Line: l.number, Added: !replace[i]}
		from, to, insert := l.replacement(algorithm)
		if c.Added {
			from = len(l.text) + len(l.end)
			to, insert = from, w.added(i, algorithm)
			c.New = strings.Trim(string(insert), "\r\n")
		} else {
			c.Old = string(l.text)
			c.New = c.Old[:from] + string(insert) + c.Old[to:]
		}
		e.Text = append(append(e.Text, text[copied:l.start+from]...), insert...)
		copied = l.start + to
		e.Changes = append(e.Changes, c)
	}
	e.Text = append(e.Text, text[copied:]...)
	if len(touched) > 0 {
		e.Diff = unified(w.files[e.File], e.Changes)
	}
}

// replacement says which bytes of a balance line become which: its arguments,
// and neither what is before nor a comment behind them.
func (l *line) replacement(algorithm string) (from, to int, insert []byte) {
	switch len(l.words) {
	case 0:
		return 0, 0, nil
	case 1:
		return l.words[0].end, l.words[0].end, []byte(" " + algorithm)
	default:
		return l.words[1].start, l.words[len(l.words)-1].end, []byte(algorithm)
	}
}

// added is a balance line below a header, as the lines around it are written.
func (w *walker) added(header int, algorithm string) []byte {
	h := &w.lines[header]
	body := append(slices.Clone(w.indentation(header)), "balance "+algorithm...)
	if end := h.lineEnd(); len(end) > 0 {
		return append(body, end...)
	}
	// The header is the last line of a file and has no end: nor has the file then.
	end := []byte{'\n'}
	if i := slices.IndexFunc(w.lines, func(l line) bool { return l.file == h.file }); i != header {
		end = w.lines[i].lineEnd()
	}
	return append(bytes.Clone(end), body...)
}

// indentation is that of the nearest line within a section: one of this section
// if there is one, else of one before.
func (w *walker) indentation(header int) []byte {
	inside := func(i int) bool {
		l := &w.lines[i]
		_, begins := w.headers[i]
		return len(l.words) > 0 && !begins && !strings.HasPrefix(l.word(0), ".")
	}
	for i := header + 1; i < len(w.lines); i++ {
		if _, begins := w.headers[i]; begins {
			break
		}
		if inside(i) {
			return w.lines[i].indentation()
		}
	}
	for i := header - 1; i >= 0; i-- {
		if inside(i) {
			return w.lines[i].indentation()
		}
	}
	return []byte("    ")
}
