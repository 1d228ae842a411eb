package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/page"
)

// What --charts may say besides the names of scenarios.
const (
	chartsWorst = "worst"
	chartsAll   = "all"
	chartsNone  = "none"
)

// worstCharts is how many scenarios chartsWorst is.
const worstCharts = 12

// draw simulates the first seed of what is to have charts once more, which goes
// as it did before, and keeps how it went.
func (s *simulated) draw(ctx context.Context, wanted []string, log io.Writer) error {
	chosen, err := s.charted(wanted)
	if err != nil {
		return err
	}
	matches := make([]simulate.Match, len(chosen))
	for i, k := range chosen {
		matches[i] = s.matches[k]
		matches[i].Seeds, matches[i].Record = matches[i].Seeds[:1], 1
	}
	progress := newProgress(log, "charted", len(matches))
	verdicts, err := simulate.Play(ctx, matches, func(match int) { progress.done(matches[match].Scenario.Name) })
	progress.end()
	if err != nil {
		return err
	}
	for i, k := range chosen {
		s.charts = append(s.charts, page.Chart{Entry: s.entries[k], Verdicts: verdicts[i]})
	}
	return nil
}

// charted are the indices of the entries that get charts, worst first where
// nobody asked for any by name.
func (s *simulated) charted(wanted []string) ([]int, error) {
	var out []int
	for _, name := range wanted {
		before := len(out)
		switch name {
		case chartsNone:
			continue
		case chartsAll, chartsWorst:
			all := s.worstFirst()
			if name == chartsWorst {
				all = all[:min(worstCharts, len(all))]
			}
			out = append(out, all...)
			continue
		}
		for i := range s.shown {
			if s.entries[i].Scenario == name {
				out = append(out, i)
			}
		}
		if len(out) == before {
			return nil, fmt.Errorf("--charts %s: no such scenario was judged; %s, %s and %s are known, too", name, chartsWorst, chartsAll, chartsNone)
		}
	}
	return distinct(out), nil
}

func distinct(all []int) []int {
	var out []int
	for _, i := range all {
		if !slices.Contains(out, i) {
			out = append(out, i)
		}
	}
	return out
}

// worstFirst sorts what is shown by trimtab's regret, with reports or without.
func (s *simulated) worstFirst() []int {
	regrets, out := make([]float64, s.shown), make([]int, s.shown)
	for i := range out {
		out[i] = i
		for _, p := range []scenario.Policy{scenario.PolicyTrimtab, scenario.PolicyTrimtabNoReports} {
			if f := s.entries[i].Figures(p); f != nil && f.Regret != nil {
				regrets[i] = max(regrets[i], *f.Regret)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b int) int { return cmp.Compare(regrets[b], regrets[a]) })
	return out
}
