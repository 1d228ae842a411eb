// Package problem is what is wrong with files that people write: all of it at
// once, each with its place.
//
// It is not for what goes wrong while something runs.
package problem

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong with a file.
type Problem struct {
	// File is the name that was given to Parse.
	File string
	// Line and Column count from 1.
	Line, Column int
	// Path leads to the key: pools[0].limits.floor. It is empty for the file as a
	// whole.
	Path string
	// Message says what is wrong, Hint what to do about it; Hint may be empty.
	Message, Hint string
}

func (p Problem) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", p.File, p.Line, p.Column)
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Message)
	if p.Hint != "" {
		b.WriteString(" (" + p.Hint + ")")
	}
	return b.String()
}

// List is everything that is wrong with a file, sorted by position. As an
// error it has a line for each.
type List []Problem

func (ps List) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// Sort puts them into the order of the file.
func (ps List) Sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Path, b.Path))
	})
}
