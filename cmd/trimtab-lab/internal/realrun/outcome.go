package realrun

import (
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// Outcome is what was found.
type Outcome struct {
	simulate.Summary
	// Runs are all single runs, by seed and then in the order of the policies.
	Runs []PolicyRun
}

// PolicyRun is one policy with one seed.
type PolicyRun struct {
	Policy string
	Seed   uint64
	// Result is what clients met with after the warm-up.
	load.Result
	Validity load.Validity
	// CompletionLateP99 is how late backends' answers left.
	CompletionLateP99 time.Duration
	// ProxyCPU and LabCPU are cores used by the policy's proxies and by this
	// process, the latter for all policies side by side; NaN where the system does
	// not tell.
	ProxyCPU, LabCPU float64

	spread result
}

// result is what is known besides.
type result struct {
	imbalance, connections float64
	pushes, backends       int
	minutes                float64
}

// Invalid lists why the run does not count, nothing if it does.
func (r *PolicyRun) Invalid() []string {
	var why []string
	say := func(format string, args ...any) {
		why = append(why, fmt.Sprintf("seed %d, %s: ", r.Seed, r.Policy)+fmt.Sprintf(format, args...))
	}
	limit := r.Validity.Limit
	if !r.Validity.Valid() {
		say("requests were sent %v late at p99 (limit %v)", round(r.SendLate.P99), round(limit))
	}
	if r.CompletionLateP99 > limit {
		say("backends' answers left %v late at p99 (limit %v)", round(r.CompletionLateP99), round(limit))
	}
	if r.Overhead.P50 > limit {
		say("requests spent %v on the way at the median (limit %v)", round(r.Overhead.P50), round(limit))
	}
	if r.Errors.NotSent > 0 {
		say("%d requests were not sent, as %d were open", r.Errors.NotSent, maxOpen)
	}
	return why
}

func (r *PolicyRun) String() string {
	return fmt.Sprintf("seed %d, %s: p50 %v, p99 %v, %.2f %% errors; %v; answers %v late at p99; on the way p50 %v, p99 %v; proxies %.2f, lab %.2f cores",
		r.Seed, r.Policy, round(r.Latency.P50), round(r.Latency.P99), 100*r.ErrorShare(), r.Validity, round(r.CompletionLateP99),
		round(r.Overhead.P50), round(r.Overhead.P99), r.ProxyCPU, r.LabCPU)
}

// simulated is the run as the simulation would tell of it.
func (r *PolicyRun) simulated() simulate.Result {
	return simulate.Result{
		Requests: r.Requests, Failed: r.Errors.Total(), Refused: r.Refused, Unfinished: r.Unfinished,
		Mean: r.Mean, P50: r.Latency.P50, P90: r.Latency.P90, P99: r.Latency.P99, P999: r.Latency.P999,
		Imbalance: r.spread.imbalance, ConnectionsMaxMean: r.spread.connections,
		Pushes: r.spread.pushes, PushRate: float64(r.spread.pushes) / r.spread.minutes / float64(r.spread.backends),
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
