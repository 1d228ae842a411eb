package judgement

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// slowest is the longest, in seconds, that weights took to be right again after a
// change; without end where they never were. It is false where nothing changed.
func slowest(f *simulate.Figures) (float64, bool) {
	if f == nil || len(f.Convergence) == 0 {
		return 0, false
	}
	longest := 0.0
	for _, c := range f.Convergence {
		if c.After == nil {
			return math.Inf(1), true
		}
		longest = max(longest, *c.After)
	}
	return longest, true
}

// convergence is trimtab's slowest.
func convergence(entries []Entry) []measured {
	return each(entries, func(e *Entry) (float64, bool) { return slowest(e.Figures(scenario.PolicyTrimtab)) })
}

// Convergence is a policy's in words, after each change; "" where nothing changed.
func Convergence(f *simulate.Figures) string {
	if f == nil {
		return ""
	}
	var out []string
	for _, c := range f.Convergence {
		after := "never"
		if c.After != nil {
			after = "after " + inSeconds(*c.After)
		}
		out = append(out, fmt.Sprintf("%s at %g s: %s", strings.Join(c.Backends, " and "), c.At, after))
	}
	return strings.Join(out, "; ")
}

func inSeconds(s float64) string {
	if math.IsInf(s, 1) {
		return "never"
	}
	return fmt.Sprintf("%.3g s", s)
}

// writeConvergence writes a line for each entry in which something changed.
func writeConvergence(w io.Writer, entries []Entry, names []string) error {
	changes := func(e Entry) bool {
		return slices.ContainsFunc(e.Policies, func(p simulate.PolicySummary) bool {
			_, changed := slowest(p.Figures)
			return changed
		})
	}
	if !slices.ContainsFunc(entries, changes) {
		return nil
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "\nright again after\tproxy\t%s\n", strings.Join(names, "\t"))
	for i := range entries {
		e := &entries[i]
		if !changes(*e) {
			continue
		}
		fmt.Fprintf(out, "%s\t%s", e.Scenario, e.Proxy)
		for _, name := range names {
			text := "–"
			if s, changed := slowest(e.Figures(scenario.Policy(name))); changed {
				text = inSeconds(s)
			}
			fmt.Fprintf(out, "\t%s", text)
		}
		fmt.Fprintln(out)
	}
	return out.Flush()
}
