package simulate

import (
	"math"
	"time"
)

// Summary is how all policies did in one scenario behind one proxy, as it is
// written for others to read.
type Summary struct {
	Scenario string `json:"scenario"`
	Run      string `json:"run"`
	Proxy    string `json:"proxy"`
	Seeds    int    `json:"seeds"`
	Valid    bool   `json:"valid"`
	// Invalid is why the figures do not count, where that is so.
	Invalid  []string        `json:"invalid,omitempty"`
	Policies []PolicySummary `json:"policies"`
}

// PolicySummary is one policy's line. Figures are nil, and left out, of one that
// is not applicable.
type PolicySummary struct {
	Name          string `json:"name"`
	NotApplicable string `json:"not_applicable,omitempty"`
	*Figures
}

// Figures are medians over the seeds, but for RegretWorst.
type Figures struct {
	P50  float64 `json:"p50_ms"`
	P90  float64 `json:"p90_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Mean float64 `json:"mean_ms"`
	// Errors and Refused are shares of the requests, the second a part of the
	// first.
	Errors             float64 `json:"errors"`
	Refused            float64 `json:"refused"`
	Imbalance          float64 `json:"imbalance"`
	ConnectionsMaxMean float64 `json:"connections_max_mean"`
	// ConnectionsLost is how many long-lived ones their backends broke off.
	ConnectionsLost float64 `json:"connections_lost,omitempty"`
	// ConnectionsShed is how many the policy asked to reconnect.
	ConnectionsShed float64 `json:"connections_shed,omitempty"`
	// ConnectionsPeak is the most in flight at the end of a second, requests
	// included, on all backends that take work; ConnectionsPeakMaxMean and
	// ConnectionsPeakMaxMin are the most of them over their mean and less the least
	// of them then, and ConnectionsEndMaxMean is the former in the last second.
	ConnectionsPeak        float64 `json:"connections_peak"`
	ConnectionsPeakMaxMean float64 `json:"connections_peak_max_mean"`
	ConnectionsPeakMaxMin  float64 `json:"connections_peak_max_min"`
	ConnectionsEndMaxMean  float64 `json:"connections_end_max_mean"`
	*SocketFigures
	WeightChanges float64 `json:"weight_changes_per_minute"`
	// Regret and RegretWorst are nil where nothing was answered to compare.
	Regret      *float64             `json:"regret"`
	RegretWorst *float64             `json:"regret_worst"`
	Convergence []ConvergenceSummary `json:"convergence,omitempty"`
	// Pools are the same of each pool for itself, where the scenario has any.
	Pools []PoolSummary `json:"pools,omitempty"`
}

// SocketFigures are left out where there are no long-lived connections.
type SocketFigures struct {
	// ConnectionsLeast is how many connections have to be closed at the least: see
	// [Held].
	ConnectionsLeast float64 `json:"connections_least"`
	// ConnectionsShedOverLeast is nil where none has to be closed.
	ConnectionsShedOverLeast *float64 `json:"connections_shed_over_least"`
	// ClientsLost is how many clients had none at the end, though they had tried.
	ClientsLost float64 `json:"clients_lost"`
}

// PoolSummary is one pool's part of a policy's line.
type PoolSummary struct {
	Name  string `json:"name"`
	Proxy string `json:"proxy"`
	*Figures
}

// ConvergenceSummary is how long it took after one change.
type ConvergenceSummary struct {
	At       float64  `json:"at_s"`
	Backends []string `json:"backends"`
	// After is nil when at least half of the seeds never got there.
	After *float64 `json:"after_s"`
}

// Summarize puts verdicts together: those of one scenario and proxy follow each other.
func Summarize(verdicts []Verdict) []Summary {
	var out []Summary
	for i := range verdicts {
		v := &verdicts[i]
		if i == 0 || !sameLine(v, &verdicts[i-1]) {
			out = append(out, Summary{
				Scenario: v.Scenario, Run: "simulate", Proxy: v.behind(), Seeds: len(v.Oracle), Valid: true,
			})
		}
		last := &out[len(out)-1]
		p := PolicySummary{Name: v.Policy, NotApplicable: v.NotApplicable}
		if len(v.Results) > 0 {
			p.Figures = v.figures()
		}
		last.Policies = append(last.Policies, p)
	}
	return out
}

func sameLine(a, b *Verdict) bool {
	return a.Scenario == b.Scenario && a.Proxy.String() == b.Proxy.String()
}

func (v *Verdict) figures() *Figures {
	of := func(f func(*Result) time.Duration) float64 {
		return medianOf(v.Results, func(r *Result) float64 { return milliseconds(f(r)) })
	}
	regrets := v.Regrets()
	f := &Figures{
		P50:                    of(func(r *Result) time.Duration { return r.P50 }),
		P90:                    of(func(r *Result) time.Duration { return r.P90 }),
		P99:                    of(func(r *Result) time.Duration { return r.P99 }),
		P999:                   of(func(r *Result) time.Duration { return r.P999 }),
		Mean:                   of(func(r *Result) time.Duration { return r.Mean }),
		Errors:                 v.Errors(),
		Refused:                medianOf(v.Results, func(r *Result) float64 { return float64(r.Refused) / float64(max(r.Requests, 1)) }),
		Imbalance:              medianOf(v.Results, func(r *Result) float64 { return r.Imbalance }),
		ConnectionsMaxMean:     medianOf(v.Results, func(r *Result) float64 { return r.ConnectionsMaxMean }),
		ConnectionsLost:        medianOf(v.Results, func(r *Result) float64 { return float64(r.Lost) }),
		ConnectionsShed:        medianOf(v.Results, func(r *Result) float64 { return float64(r.Shed) }),
		ConnectionsPeak:        medianOf(v.Results, func(r *Result) float64 { return r.Held.Peak }),
		ConnectionsPeakMaxMean: medianOf(v.Results, func(r *Result) float64 { return r.Held.PeakMaxMean }),
		ConnectionsPeakMaxMin:  medianOf(v.Results, func(r *Result) float64 { return r.Held.PeakMaxMin }),
		ConnectionsEndMaxMean:  medianOf(v.Results, func(r *Result) float64 { return r.Held.EndMaxMean }),
		SocketFigures:          v.socketFigures(),
		WeightChanges:          v.PushRate(),
		Convergence:            v.convergence(),
	}
	worst := math.Inf(-1)
	for _, r := range regrets {
		worst = math.Max(worst, r) // NaN stays
	}
	f.Regret, f.RegretWorst = number(median(regrets)), number(worst)
	for i, p := range v.Pools {
		of := v.pool(i)
		f.Pools = append(f.Pools, PoolSummary{p.Name, p.Proxy.String(), of.figures()})
	}
	return f
}

func (v *Verdict) socketFigures() *SocketFigures {
	if !v.Clients {
		return nil
	}
	return &SocketFigures{
		ConnectionsLeast:         medianOf(v.Results, func(r *Result) float64 { return r.Held.Least }),
		ConnectionsShedOverLeast: number(medianOf(v.Results, func(r *Result) float64 { return float64(r.Shed) / r.Held.Least })),
		ClientsLost:              medianOf(v.Results, func(r *Result) float64 { return float64(r.ClientsLost) }),
	}
}

// convergence is by event: what happens is the same for all seeds.
func (v *Verdict) convergence() []ConvergenceSummary {
	var out []ConvergenceSummary
	for k, event := range v.Results[0].Convergence {
		after := medianOf(v.Results, func(r *Result) float64 {
			if r.Convergence[k].After < 0 {
				return math.Inf(1)
			}
			return r.Convergence[k].After.Seconds()
		})
		out = append(out, ConvergenceSummary{At: event.At.Seconds(), Backends: event.Backends, After: number(after)})
	}
	return out
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// number is nil for what JSON has no number for.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
