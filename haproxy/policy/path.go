package policy

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// nothing stands for no line.
const nothing = -1

// setting is what a section has for an algorithm on one path.
type setting struct {
	// section is the number of its header line.
	section int
	// line is the balance line that holds for it, and owner the section that has
	// that line: another one when it is inherited. Both are nothing when nothing
	// sets an algorithm.
	line, owner int
}

// path is what HAProxy knows at some line on one of the ways through the
// conditionals. Paths are never changed, as they are shared.
type path struct {
	// open is the header line of the section that lines belong to.
	open int
	// defaults is the header line of the newest defaults section, which those
	// without a "from" inherit from.
	defaults int
	// settings are of all defaults sections and of the wanted backend.
	settings []setting
}

// key is the same for paths that do not differ.
func (p *path) key() string {
	b := make([]byte, 0, 8*(2+3*len(p.settings)))
	add := func(n int) { b = binary.LittleEndian.AppendUint64(b, uint64(n)) }
	add(p.open)
	add(p.defaults)
	for _, s := range p.settings {
		add(s.section)
		add(s.line)
		add(s.owner)
	}
	return string(b)
}

func (p *path) setting(section int) (setting, bool) {
	for _, s := range p.settings {
		if s.section == section {
			return s, true
		}
	}
	return setting{section, nothing, nothing}, false
}

// with is the path after a section's setting has changed.
func (p *path) with(s setting) *path {
	next := *p
	next.settings = slices.Clone(p.settings)
	for i := range next.settings {
		if next.settings[i].section == s.section {
			next.settings[i] = s
			return &next
		}
	}
	next.settings = append(next.settings, s)
	return &next
}

// pathSet holds paths that differ, in the order in which they came.
type pathSet struct {
	seen  map[string]bool
	paths []*path
}

func (s *pathSet) add(paths ...*path) {
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	for _, p := range paths {
		if key := p.key(); !s.seen[key] {
			s.seen[key] = true
			s.paths = append(s.paths, p)
		}
	}
}

// condition is a .if that has no .endif yet.
type condition struct {
	line    int
	entry   []*path // before it
	leaving pathSet // at the ends of its branches so far
	hasElse bool
}

// maxPaths bounds the work: conditionals multiply.
const maxPaths = 512

func (w *walker) conditional(i int) error {
	l := &w.lines[i]
	switch l.word(0) {
	case ".if":
		w.conditions = append(w.conditions, condition{line: i, entry: w.paths})
	case ".elif", ".else", ".endif":
		if len(w.conditions) == 0 {
			return fmt.Errorf("%s: %s without .if", w.place(i), l.word(0))
		}
		c := &w.conditions[len(w.conditions)-1]
		c.leaving.add(w.paths...)
		if l.word(0) == ".endif" {
			if !c.hasElse {
				c.leaving.add(c.entry...)
			}
			w.paths = c.leaving.paths
			w.conditions = w.conditions[:len(w.conditions)-1]
		} else {
			c.hasElse = c.hasElse || l.word(0) == ".else"
			w.paths = c.entry
		}
		if len(c.leaving.paths) > maxPaths {
			return fmt.Errorf("%s: there are more than %d ways through the conditionals up to here; edit the file by hand", w.place(i), maxPaths)
		}
	default: // .notice, .warning, .alert, .diag
	}
	return nil
}

// place names a line in an error.
func (w *walker) place(i int) string {
	return fmt.Sprintf("%s:%d", w.files[w.lines[i].file].Name, w.lines[i].number)
}

// places names several.
func (w *walker) places(lines []int) string {
	names := make([]string, len(lines))
	for i, l := range lines {
		names[i] = w.place(l)
	}
	return strings.Join(names, ", ")
}
