package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// walker goes through the lines as HAProxy does, on all paths at once.
type walker struct {
	files   []File
	lines   []line
	backend string

	paths      []*path
	conditions []condition
	headers    map[int]header
	// owners are the sections that a balance line may belong to: more than one
	// where a conditional chooses between headers.
	owners map[int][]int
}

// walk reads the files and returns what was found, for one backend.
func walk(files []File, backend string) (*walker, error) {
	w := &walker{
		files: files, lines: read(files), backend: backend,
		paths:   []*path{{open: nothing, defaults: nothing}},
		headers: map[int]header{}, owners: map[int][]int{},
	}
	file := 0
	for i := range w.lines {
		l := &w.lines[i]
		if l.file != file {
			file = l.file
			if err := w.endFile(); err != nil {
				return nil, err
			}
		}
		if err := w.line(i); err != nil {
			return nil, err
		}
	}
	return w, w.endFile()
}

// endFile closes the section: the next file has to begin its own. What defaults
// sections say still holds there.
func (w *walker) endFile() error {
	if open := len(w.conditions); open > 0 {
		return fmt.Errorf("%s: .if without .endif", w.place(w.conditions[open-1].line))
	}
	var closed pathSet
	for _, p := range w.paths {
		next := *p
		next.open = nothing
		closed.add(&next)
	}
	w.paths = closed.paths
	return nil
}

func (w *walker) line(i int) error {
	l := &w.lines[i]
	word := l.word(0)
	if strings.HasPrefix(word, ".") {
		return w.conditional(i)
	}
	if h, ok := l.header(); ok {
		w.headers[i] = h
		w.each(func(p *path) *path { return w.open(p, i, h) })
		return nil
	}
	if word == "balance" {
		w.each(func(p *path) *path { return w.balance(p, i) })
		return nil
	}
	if len(l.words) > 0 && l.words[0].variable && slices.ContainsFunc(w.paths, func(p *path) bool { return w.wanted(p.open) }) {
		return fmt.Errorf("%s: what this line of backend %s does depends on a variable (%s); edit the file by hand", w.place(i), w.backend, word)
	}
	return nil
}

// each takes every path one line further. The list itself may be shared with a
// condition, so that a new one is made.
func (w *walker) each(step func(*path) *path) {
	next := make([]*path, len(w.paths))
	for i, p := range w.paths {
		next[i] = step(p)
	}
	w.paths = next
}

// open begins a section.
func (w *walker) open(p *path, i int, h header) *path {
	next := *p
	next.open = i
	if !h.inherits() {
		return &next
	}
	from := nothing
	if h.from != "" {
		from = w.named(p, h.from)
	} else if h.kind != "defaults" { // a defaults section begins from scratch
		from = p.defaults
	}
	inherited, _ := p.setting(from)
	inherited.section = i
	if h.kind == "defaults" {
		next.defaults = i
		return next.with(inherited)
	}
	if w.wanted(i) {
		return next.with(inherited)
	}
	return &next
}

// named is the defaults section of a name.
func (w *walker) named(p *path, name string) int {
	for _, s := range slices.Backward(p.settings) {
		if h := w.headers[s.section]; h.kind == "defaults" && h.name == name {
			return s.section
		}
	}
	return nothing
}

// balance sets the algorithm of the section that is open. The last line of a
// section wins.
func (w *walker) balance(p *path, i int) *path {
	if p.open == nothing {
		return p
	}
	if !slices.Contains(w.owners[i], p.open) {
		w.owners[i] = append(w.owners[i], p.open)
	}
	if w.headers[p.open].kind != "defaults" && !w.wanted(p.open) {
		return p
	}
	return p.with(setting{section: p.open, line: i, owner: p.open})
}

// wanted says whether a header line begins the backend that is looked for.
func (w *walker) wanted(section int) bool {
	h, ok := w.headers[section]
	return ok && h.balanced() && h.name == w.backend
}

// found are the settings of the wanted backend on all paths, each once, in the
// order of the lines.
func (w *walker) found() []setting {
	seen := map[setting]bool{}
	for _, p := range w.paths {
		for _, s := range p.settings {
			if w.wanted(s.section) {
				seen[s] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(seen), func(a, b setting) int {
		if a.section != b.section {
			return a.section - b.section
		}
		return a.line - b.line
	})
}

// backends are the names of all sections that balance.
func (w *walker) backends() []string {
	names := map[string]bool{}
	for _, h := range w.headers {
		if h.balanced() && h.name != "" {
			names[h.name] = true
		}
	}
	return slices.Sorted(maps.Keys(names))
}
