package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// maxNames is how many backends an error names.
const maxNames = 8

// missing is the error for a backend that is not there, with those that are:
// first those whose names are most like it.
func (w *walker) missing() error {
	names := w.backends()
	if len(names) == 0 {
		return fmt.Errorf("%w: %q; there are no backends at all", ErrNoBackend, w.backend)
	}
	slices.SortStableFunc(names, func(a, b string) int {
		return cmp.Compare(distance(w.backend, a), distance(w.backend, b))
	})
	more := ""
	if len(names) > maxNames {
		more = fmt.Sprintf(" and %d more", len(names)-maxNames)
		names = names[:maxNames]
	}
	return fmt.Errorf("%w: %q; there are %s%s", ErrNoBackend, w.backend, strings.Join(names, ", "), more)
}

// maxCompared bounds the work for names that no one would mistype.
const maxCompared = 128

// distance is how many letters have to be added, left out or replaced to make
// one name of the other (Levenshtein).
func distance(a, b string) int {
	a, b = strings.ToLower(a[:min(len(a), maxCompared)]), strings.ToLower(b[:min(len(b), maxCompared)])
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
