package realrun

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// reporter measures what backends report of themselves, spoils it as the scenario
// says, and delivers it to mailboxes in its time.
type reporter struct {
	scenario  *simulate.Scenario
	mailboxes []*mailbox
	random    *rand.Rand
	ticks     int
	own       []own
	sent      []delivery
}

// own is what a backend knows of itself since its last report.
type own struct {
	at     time.Time
	totals backend.Totals
	taken  float64 // core-seconds by neighbours
	last   simulate.Load
}

// delivery is all backends' reports of one time.
type delivery struct {
	tick  int
	loads []simulate.Load
}

func newReporter(s *simulate.Scenario, seed uint64) *reporter {
	if s.Reports == nil {
		return nil
	}
	r := &reporter{scenario: s, random: rand.New(rand.NewPCG(seed, 0)), own: make([]own, len(s.Backends))}
	for i := range s.Backends {
		r.own[i].last = noLoad()
		r.mailboxes = append(r.mailboxes, newMailbox(r.period()))
	}
	return r
}

func (r *reporter) period() time.Duration {
	if r.scenario.Reports.Period == 0 {
		return time.Second
	}
	return r.scenario.Reports.Period
}

// ticksIn rounds up, as the simulation does.
func ticksIn(d time.Duration) int { return int((d + simulate.Tick - 1) / simulate.Tick) }

// tick is called every [simulate.Tick].
func (r *reporter) tick(backends []*backend.Backend, conditions []simulate.Condition) {
	r.ticks++
	for i := range conditions {
		if c := &conditions[i]; !c.Hidden && !r.scenario.Reports.HideNeighbour {
			r.own[i].taken += c.Taken * simulate.Tick.Seconds()
		}
	}
	if r.ticks%ticksIn(r.period()) == 0 {
		d := delivery{tick: r.ticks + ticksIn(r.scenario.Reports.Delay)}
		for i, b := range backends {
			d.loads = append(d.loads, r.report(i, b, &conditions[i]))
		}
		r.sent = append(r.sent, d)
	}
	for ; len(r.sent) > 0 && r.sent[0].tick <= r.ticks; r.sent = r.sent[1:] {
		for i, l := range r.sent[0].loads {
			if !math.IsNaN(l.Utilization) {
				r.mailboxes[i].put(l)
			}
		}
	}
}

// report is what a backend says; noLoad when nothing will arrive.
func (r *reporter) report(i int, from *backend.Backend, c *simulate.Condition) simulate.Load {
	how, b, o := r.scenario.Reports, &r.scenario.Backends[i], &r.own[i]
	now, totals := time.Now(), from.Totals()
	seconds := r.period().Seconds()
	if !o.at.IsZero() {
		seconds = now.Sub(o.at).Seconds()
	}
	failed := float64(totals.Failed - o.totals.Failed + totals.FailedMessages - o.totals.FailedMessages)
	l := simulate.Load{
		Utilization: (totals.BusySeconds - o.totals.BusySeconds + o.taken) / seconds / (b.Cores * c.Cores),
		Completed:   (float64(totals.Served-o.totals.Served+totals.Messages-o.totals.Messages) + failed) / seconds,
		Failed:      failed / seconds, InFlight: float64(totals.OpenRequests + totals.OpenSockets),
	}
	*o = own{at: now, totals: totals, last: o.last}
	l.Utilization *= max(1+how.Noise*r.random.NormFloat64(), 0) * c.Claim
	if b.Claim != nil {
		l.Utilization = b.Claim(l.Utilization)
	}
	lost := r.random.Float64() < how.Missing
	switch c.Report {
	case simulate.ReportZero:
		l.Utilization = 0
	case simulate.ReportFull:
		l.Utilization = 1
	case simulate.ReportFrozen:
		l = o.last
	default:
		o.last = l
	}
	if lost || c.Report == simulate.ReportStop || c.Away() || c.Hanging {
		return noLoad()
	}
	return l
}
