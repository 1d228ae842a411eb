package page

import (
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

type row struct {
	Name, Proxy string
	// Invalid is that it does not count.
	Invalid bool
	// Chart is the number of the chart, 0 where there is none.
	Chart int
	Cells []cell
}

// cell is a regret, and what is behind it.
type cell struct {
	Regret, P99, More, Level string
	// Sort is what a column is ordered by.
	Sort float64
}

func rowOf(e judgement.Entry, policies []string, chart int) row {
	out := row{Name: e.Scenario, Proxy: e.Proxy, Invalid: !e.Valid, Chart: chart}
	fewest := fewestErrors(e)
	for _, name := range policies {
		f := e.Figures(scenario.Policy(name))
		c := cellOf(f)
		if f == nil {
			c.More = excuse(e, name)
		}
		if f != nil && f.Errors > fewest+notableErrors {
			c.Level = "bad"
		}
		out.Cells = append(out.Cells, c)
	}
	return out
}

// excuse is why a policy was not judged.
func excuse(e judgement.Entry, policy string) string {
	for _, p := range e.Policies {
		if p.Name == policy {
			return judgement.Excuse(p)
		}
	}
	return "not asked for"
}

// fewestErrors is the share of the policy with the fewest: what is above it need
// not be, and a good p99 of the rest is no comfort.
func fewestErrors(e judgement.Entry) float64 {
	fewest := 1.0
	for _, p := range e.Policies {
		if p.Figures != nil {
			fewest = min(fewest, p.Errors)
		}
	}
	return fewest
}

// absent sorts what is not there behind all that is.
const absent = 1e99

func cellOf(f *simulate.Figures) cell {
	if f == nil {
		return cell{Regret: "n/a", Sort: absent}
	}
	out := cell{
		Regret: "–", Sort: absent, P99: fmt.Sprintf("%.4g", f.P99),
		More: fmt.Sprintf("p50 %.4g, p90 %.4g, p99 %.4g, p99.9 %.4g, mean %.4g ms; errors %.2f %%; max/mean utilization %.3f, in flight %.3f; %.2f weight changes per backend and minute",
			f.P50, f.P90, f.P99, f.P999, f.Mean, 100*f.Errors, f.Imbalance, f.ConnectionsMaxMean, f.WeightChanges),
	}
	if f.Errors >= notableErrors {
		out.P99 += fmt.Sprintf(", %.1f %% err", 100*f.Errors)
	}
	if f.Regret != nil {
		out.Regret, out.Level, out.Sort = judgement.Ratio(*f.Regret), level(*f.Regret), *f.Regret
		out.More += fmt.Sprintf("; worst seed %.3f", *f.RegretWorst)
	}
	for _, p := range f.Pools {
		out.More += fmt.Sprintf("; %s: p50 %.4g, p99 %.4g ms", p.Name, p.P50, p.P99)
		if p.Regret != nil {
			out.More += fmt.Sprintf(", regret %.3f", *p.Regret)
		}
	}
	if f.ConnectionsLost > 0 {
		out.More += fmt.Sprintf("; %.4g connections lost", f.ConnectionsLost)
	}
	if f.ConnectionsShed > 0 {
		out.More += fmt.Sprintf("; %.4g connections closed", f.ConnectionsShed)
	}
	if text := judgement.Convergence(f); text != "" {
		out.More += "; weights right again: " + text
	}
	return out
}

// notableErrors is the share from which on errors are beside the p99.
const notableErrors = 0.005

// level is the colour of a regret.
func level(r float64) string {
	switch {
	case r < 0.98:
		return "better"
	case r <= 1.05:
		return "good"
	case r <= 1.2:
		return "fair"
	case r <= 2:
		return "poor"
	default:
		return "bad"
	}
}

func totals(entries []judgement.Entry, policies []string) []row {
	median, worst := row{Name: "median"}, row{Name: "worst"}
	for _, name := range policies {
		m, w, where := judgement.Total(entries, scenario.Policy(name))
		if where == "" {
			median.Cells, worst.Cells = append(median.Cells, cell{Regret: "n/a"}), append(worst.Cells, cell{Regret: "n/a"})
			continue
		}
		median.Cells = append(median.Cells, cell{Regret: judgement.Ratio(m), Level: level(m)})
		worst.Cells = append(worst.Cells, cell{Regret: judgement.Ratio(w), P99: where, Level: level(w)})
	}
	return []row{median, worst}
}
