package sensitivity

import (
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/scorer"
)

// row is one law in one match.
type row struct {
	match     *simulate.Match
	reports   bool
	byDefault []simulate.Result
	watch     watch
	// controls and variants are other constants.
	controls, variants []variant
}

// variant is the law with other constants than the default.
type variant struct {
	constants scorer.Constants
	// constant is the one that is multiplied by factor; empty for a control.
	constant string
	factor   float64
	results  []simulate.Result // none if it was not played
}

func newRows(m *simulate.Match, names []string) []*row {
	out := []*row{{match: m, reports: true}}
	if m.Scenario.Reports != nil {
		out = append(out, &row{match: m}) // else it is the same again
	}
	for _, r := range out {
		for k := range controls {
			r.controls = append(r.controls, variant{constants: nudged(uint64(k))})
		}
		for _, name := range names {
			for _, factor := range factors() {
				r.variants = append(r.variants, variant{constants: scaled(name, factor), constant: name, factor: factor})
			}
		}
	}
	return out
}

// watched plays the default, and finds out who would have done otherwise.
func (r *row) watched() []entrant {
	var others []simulate.Policy
	for i := range r.variants {
		others = append(others, r.policy(r.variants[i].constants))
	}
	r.watch.others = others
	return []entrant{{r.watch.over(r.policy(scorer.DefaultConstants())), &r.byDefault}}
}

// acting plays all that do otherwise than the default.
func (r *row) acting() []entrant {
	var out []entrant
	for i := range r.controls {
		out = append(out, entrant{r.policy(r.controls[i].constants), &r.controls[i].results})
	}
	for i := range r.variants {
		if r.watch.differs(i) {
			out = append(out, entrant{r.policy(r.variants[i].constants), &r.variants[i].results})
		}
	}
	return out
}

func (r *row) policy(k scorer.Constants) simulate.Policy {
	p := simulate.PoolOf(r.law(), scorer.Config{Constants: &k})
	p.WithoutReports = !r.reports
	p.Rounder.Constants = &k
	return p.Policy()
}

func (r *row) law() string {
	if r.reports {
		return simulate.Trimtab().Name
	}
	return simulate.TrimtabNoReports().Name
}
