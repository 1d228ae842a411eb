package realrun

import (
	"fmt"
	"runtime"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// Outcome is what was found.
type Outcome struct {
	simulate.Summary
	// Runs are all single runs, by seed and then in the order of the policies.
	Runs []PolicyRun
	// Verdicts are those of the policies. All results have their Series.
	Verdicts []simulate.Verdict
}

// PolicyRun is one policy with one seed.
type PolicyRun struct {
	Policy string
	Seed   uint64
	// Result is what clients met with after the warm-up.
	load.Result
	Validity load.Validity
	// Connections is how the long-lived ones went.
	Connections load.ClientResult
	// CompletionLateP99 is how late backends' answers left.
	CompletionLateP99 time.Duration
	// ProxyCPU and LabCPU are cores used by the policy's proxies and by this
	// process, the latter for all policies side by side; NaN where the system does
	// not tell.
	ProxyCPU, LabCPU float64

	seen seen
}

// seen is what is known besides.
type seen struct {
	imbalance, connections float64
	pushes, backends       int
	minutes                float64
	convergence            []simulate.Convergence
	series                 *simulate.Series
	// steady is that neither backends nor trimtab ever end connections.
	steady bool
	// broken is how many of the lost connections their backends broke off, and shed
	// how many trimtab has closed.
	broken, shed int
	// clientsLost is how many clients had tried and had no connection at the end.
	clientsLost int
	held        simulate.Held
}

// openLimit is how late connections may be open at their 99th percentile. They
// stay for seconds at the least: a tenth of one hardly changes how they are spread.
const openLimit = 100 * time.Millisecond

// nearlyAll is the share of its cores from which on the lab itself may be what is
// slow.
const nearlyAll = 0.85

// Invalid lists why the run does not count, nothing if it does.
func (r *PolicyRun) Invalid() []string {
	var why []string
	say := func(format string, args ...any) {
		why = append(why, fmt.Sprintf("seed %d, %s: ", r.Seed, r.Policy)+fmt.Sprintf(format, args...))
	}
	limit := r.Validity.Limit
	if !r.Validity.Valid() {
		say("requests and messages were sent %v late at p99 (limit %v)", round(r.SendLate.P99), round(limit))
	}
	if r.CompletionLateP99 > limit {
		say("backends' answers left %v late at p99 (limit %v)", round(r.CompletionLateP99), round(limit))
	}
	if r.Overhead.P50 > limit {
		say("requests and messages spent %v on the way at the median (limit %v)", round(r.Overhead.P50), round(limit))
	}
	if r.Errors.NotSent > 0 {
		say("%d requests or connections were not sent, as %d requests were open or this machine has no ports or files left", r.Errors.NotSent, maxOpen)
	}
	if late := r.Connections.OpenLate.P99; late > openLimit {
		say("connections were open %v late at p99 (limit %v)", round(late), openLimit)
	}
	if r.Connections.Lost > 0 && r.seen.steady {
		say("%d connections broke off, though no backend had ended them", r.Connections.Lost)
	}
	if threads := runtime.GOMAXPROCS(0); len(why) > 0 && r.LabCPU > nearlyAll*float64(threads) {
		say("the lab used %.2f of the %d cores that it may use (GOMAXPROCS=%d gives it one more)", r.LabCPU, threads, threads+1)
	}
	return why
}

func (r *PolicyRun) String() string {
	return fmt.Sprintf("seed %d, %s: p50 %v, p99 %v, %.2f %% errors%s; %v; answers %v late at p99; on the way p50 %v, p99 %v; proxies %.2f, lab %.2f cores",
		r.Seed, r.Policy, round(r.Latency.P50), round(r.Latency.P99), 100*r.ErrorShare(), r.connected(), r.Validity, round(r.CompletionLateP99),
		round(r.Overhead.P50), round(r.Overhead.P99), r.ProxyCPU, r.LabCPU)
}

// connected tells of long-lived connections, where there were any.
func (r *PolicyRun) connected() string {
	c := &r.Connections
	if c.Opened+c.Failed == 0 {
		return ""
	}
	return fmt.Sprintf("; %d connections, %d failed, %d at most, max/mean %.3f, at the peak %.4f, %d lost, %d closed by trimtab, %d clients without one, open %v late at p99",
		c.Opened, c.Failed, c.Peak, r.seen.connections, r.seen.held.PeakMaxMean, r.seen.broken, r.seen.shed, r.seen.clientsLost, round(c.OpenLate.P99))
}

// simulated is the run as the simulation would tell of it.
func (r *PolicyRun) simulated() simulate.Result {
	return simulate.Result{
		Requests: r.Requests, Failed: r.Errors.Total(), Refused: r.Refused, Unfinished: r.Unfinished,
		Lost: r.seen.broken, Shed: r.seen.shed, ClientsLost: r.seen.clientsLost, Held: r.seen.held,
		Mean: r.Mean, P50: r.Latency.P50, P90: r.Latency.P90, P99: r.Latency.P99, P999: r.Latency.P999,
		Imbalance: r.seen.imbalance, ConnectionsMaxMean: r.seen.connections,
		Pushes: r.seen.pushes, PushRate: float64(r.seen.pushes) / r.seen.minutes / float64(r.seen.backends),
		Convergence: r.seen.convergence, Series: r.seen.series,
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
