package judgement

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Invalid lists what does not count, and why.
func Invalid(entries []Entry) []string {
	var out []string
	for i := range entries {
		e := &entries[i]
		for _, why := range e.Invalid {
			out = append(out, fmt.Sprintf("%s behind %s: %s", e.Scenario, e.Proxy, why))
		}
	}
	return out
}

// Excuse is why a policy could not be judged, "" where it was.
func Excuse(p simulate.PolicySummary) string {
	return strings.TrimPrefix(p.NotApplicable, simulate.ErrNotApplicable.Error()+": ")
}

// excuses are those of all entries, each once.
func excuses(entries []Entry) []string {
	var out []string
	for i := range entries {
		for _, p := range entries[i].Policies {
			if why := Excuse(p); why != "" {
				out = append(out, p.Name+": "+why)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func writeNotes(w io.Writer, entries []Entry, names []string) error {
	if err := writeConnections(w, entries); err != nil {
		return err
	}
	if err := writeConvergence(w, entries, names); err != nil {
		return err
	}
	var b strings.Builder
	for _, part := range []struct {
		head  string
		lines []string
	}{{"n/a", excuses(entries)}, {"INVALID, as this machine was too slow or not left alone", Invalid(entries)}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(&b, "\n%s:\n  %s\n", part.head, strings.Join(part.lines, "\n  "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
