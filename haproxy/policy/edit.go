package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// ErrNoBackend is that no file has a backend or listen section of the name.
var ErrNoBackend = errors.New("no such backend")

// Change is one line that differs.
type Change struct {
	// Line counts from 1, in the file as it was; an added line comes after it.
	Line int
	// Added says that a line was added; else one was replaced.
	Added bool
	// Old and New are the line before and after, without its end. Old is empty
	// for one that was added.
	Old, New string
}

// Edited is the outcome of Edit. Its bytes are the caller's.
type Edited struct {
	// File is the index of the file that changed, 0 when none did.
	File int
	// Text is that file's new text; equal to the old one when Changes is empty.
	Text []byte
	// Changes are sorted by line.
	Changes []Change
	// Diff is the change as "diff -u" shows it, empty for none.
	Diff string
	// Before is what the backend balances with as the files are: one algorithm,
	// or several, with commas, where conditionals choose. It is empty when
	// nothing sets one. After is the wanted one.
	Before, After string
}

// Edit makes a backend (or listen section) balance with an algorithm, one of
// [Algorithms]. files are all that HAProxy is started with, in its order, as
// defaults hold in the files that follow; one of them is changed. When the
// backend has the algorithm already, its own or inherited, nothing is.
//
// It fails with [ErrNoBackend], or when no change of lines would do what is
// wanted and only that; the error names the lines.
func Edit(files []File, backend, algorithm string) (Edited, error) {
	if err := checkAlgorithm(algorithm); err != nil {
		return Edited{}, err
	}
	w, err := walk(files, backend)
	if err != nil {
		return Edited{}, err
	}
	e, err := w.edit(algorithm)
	if err != nil || len(e.Changes) == 0 {
		return e, err
	}
	after := slices.Clone(files)
	after[e.File].Text = e.Text
	if again, err := walk(after, backend); err != nil || !again.settled(algorithm) {
		return Edited{}, fmt.Errorf("backend %s: changing %s would not be enough; edit the file by hand", backend, e.places(files))
	}
	return e, nil
}

// settled says whether the backend has the algorithm on all paths.
func (w *walker) settled(algorithm string) bool {
	return !slices.ContainsFunc(w.found(), func(s setting) bool { return w.algorithm(s) != canonical(algorithm) })
}

// algorithm is what a setting means, "" for nothing.
func (w *walker) algorithm(s setting) string {
	if s.line == nothing {
		return ""
	}
	return w.lines[s.line].balances()
}

func (w *walker) edit(algorithm string) (Edited, error) {
	found := w.found()
	if len(found) == 0 {
		return Edited{}, w.missing()
	}
	var before []string
	replace, add := map[int]bool{}, map[int]bool{}
	for _, s := range found {
		is := w.algorithm(s)
		if is != "" && !slices.Contains(before, is) {
			before = append(before, is)
		}
		switch {
		case is == canonical(algorithm):
		case s.owner == s.section:
			replace[s.line] = true
		default:
			add[s.section] = true
		}
	}
	e := Edited{Before: strings.Join(before, ", "), After: algorithm}
	touched := slices.Sorted(maps.Keys(replace))
	for _, i := range touched {
		if err := w.onlyWanted(i); err != nil {
			return Edited{}, err
		}
	}
	touched = append(touched, slices.Collect(maps.Keys(add))...)
	slices.Sort(touched)
	if len(touched) > 0 {
		e.File = w.lines[touched[0]].file
	}
	for _, i := range touched {
		if w.lines[i].file != e.File {
			return Edited{}, fmt.Errorf("backend %s is in several files (%s); edit them by hand", w.backend, w.places(touched))
		}
	}
	w.apply(&e, touched, replace, algorithm)
	return e, nil
}

// onlyWanted fails for a line that sets the algorithm of another section, too.
func (w *walker) onlyWanted(i int) error {
	for _, section := range w.owners[i] {
		if !w.wanted(section) {
			h := w.headers[section]
			return fmt.Errorf("%s: a conditional around the headers makes this line set the algorithm of %s, too (%s); edit the file by hand",
				w.place(i), strings.TrimSpace(h.kind+" "+h.name), w.place(section))
		}
	}
	return nil
}

func (e Edited) places(files []File) string {
	names := make([]string, len(e.Changes))
	for i, c := range e.Changes {
		names[i] = fmt.Sprintf("%s:%d", files[e.File].Name, c.Line)
	}
	return strings.Join(names, ", ")
}
