package judgement

import (
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Entry is how all policies did in one scenario behind one proxy.
type Entry struct {
	File scenario.File
	// Instead is that it was judged behind another proxy than the file's.
	Instead bool
	// Drawn is that the scenario was made up at random.
	Drawn bool
	simulate.Summary
}

// Figures are those of a policy, nil where it was not judged.
func (e *Entry) Figures(policy scenario.Policy) *simulate.Figures {
	for i := range e.Policies {
		if e.Policies[i].Name == string(policy) {
			return e.Policies[i].Figures
		}
	}
	return nil
}

// regret is a policy's, and whether there is any.
func (e *Entry) regret(policy scenario.Policy) (float64, bool) {
	f := e.Figures(policy)
	if f == nil || f.Regret == nil {
		return 0, false
	}
	return *f.Regret, true
}

// connections is that the pool has long-lived connections and nothing else,
// whose regret is that of imbalance.
func (e *Entry) connections() bool {
	return !slices.ContainsFunc(e.File.Traffic, func(t scenario.Traffic) bool { return t.Requests != nil })
}

// changes is that something happens to the pool or to the load.
func (e *Entry) changes() bool {
	return len(e.File.Events) > 0 ||
		slices.ContainsFunc(e.File.Backends, func(b scenario.Backend) bool { return b.JoinsAt > 0 || b.LeavesAt > 0 }) ||
		slices.ContainsFunc(e.File.Traffic, func(t scenario.Traffic) bool {
			return t.Requests != nil && len(t.Requests.Profile) > 1 || t.WebSockets != nil && t.WebSockets.ConnectAt > 0
		})
}

// Policies are the names of all that were judged, in the order in which
// policies are known.
func Policies(entries []Entry) []string {
	var out []string
	for _, known := range scenario.Policies() {
		if slices.ContainsFunc(entries, func(e Entry) bool {
			return slices.ContainsFunc(e.Policies, func(p simulate.PolicySummary) bool { return p.Name == string(known) })
		}) {
			out = append(out, string(known))
		}
	}
	return out
}

// median of no values is 0.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
