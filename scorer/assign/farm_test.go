package assign

import (
	"container/heap"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// farm is a simulation of hosts that clients stay at, and of fronts that place them
// by what the hosts reported some seconds ago.
type farm struct {
	capacities []float64
	fronts     int
	told       bool          // fronts know how many they are
	period     time.Duration // between reports
	late       time.Duration // of a report
	stay       float64       // seconds, mean
	share      float64       // clients that follow one answer
	lag        float64       // seconds within which they follow
	cost       func(*rand.Rand) float64
}

// What is simulated; all before farmStart is left out.
const (
	farmStart = 1500 * time.Second
	farmEnd   = 4500 * time.Second
	arrivals  = 20.0 // a second
	usage     = 0.7  // of all capacity
)

// usual has a variance of the mean squared.
func usual(r *rand.Rand) float64 { return r.ExpFloat64() }

// wild has a variance of 7 times the mean squared: 7 % of the clients are half of the
// load.
func wild(r *rand.Rand) float64 { return math.Exp(1.45*r.NormFloat64() - 1.45*1.45/2) }

// rule picks a host for a client, by the front that was asked.
type rule interface {
	place(now time.Time, front int) int
	hear(plan scorer.Plan)
}

type happening struct {
	at    float64
	kind  byte // c: an answer, j: a client joins, l: leaves, r: hosts report, h: a report is heard, s: a step
	host  int
	cost  float64
	views []scorer.Report
}

type agenda []happening

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(happening)) }
func (a *agenda) Pop() any {
	last := len(*a) - 1
	x := (*a)[last]
	*a = (*a)[:last]
	return x
}

// run returns highest over mean load: its mean over time and its 99th percentile, and
// the share of host-seconds above 95 %.
func (f farm) run(t *testing.T, seed uint64, newRule func(f farm, r *rand.Rand) rule) (mean, p99, hot float64) {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	pool, err := scorer.New(scorer.Config{Name: "ws", Kind: scorer.KindConnections})
	if err != nil {
		t.Fatal(err)
	}
	pool.SetBackends(f.backends())
	policy := newRule(f, rand.New(rand.NewPCG(seed, 2)))
	epoch := time.Unix(1_000_000, 0)
	clock := func(seconds float64) time.Time { return epoch.Add(time.Duration(seconds * 1e9)) }
	hosts := len(f.capacities)
	n, load, area := make([]float64, hosts), make([]float64, hosts), make([]float64, hosts)
	since, reported := 0.0, 0.0
	var total float64
	for _, c := range f.capacities {
		total += c
	}
	unit := usage * total / (arrivals * f.stay)
	var ratios []float64
	hots, seconds := 0, 0
	var a agenda
	policy.hear(pool.Step(epoch))
	heap.Push(&a, happening{at: 0, kind: 'c'})
	heap.Push(&a, happening{at: 0.001, kind: 'r'})
	heap.Push(&a, happening{at: 0.01, kind: 's'})
	for len(a) > 0 {
		h := heap.Pop(&a).(happening)
		if h.at > farmEnd.Seconds() {
			break
		}
		for i := range area {
			area[i] += min(load[i]/f.capacities[i], 1) * (h.at - since)
		}
		since = h.at
		switch h.kind {
		case 'c':
			host := policy.place(clock(h.at), r.IntN(f.fronts))
			for range int(f.share) {
				lag := 0.0
				if f.lag > 0 {
					lag = r.Float64() * f.lag
				}
				heap.Push(&a, happening{at: h.at + lag, kind: 'j', host: host, cost: unit * f.cost(r)})
			}
			heap.Push(&a, happening{at: h.at + r.ExpFloat64()*f.share/arrivals, kind: 'c'})
		case 'j':
			n[h.host]++
			load[h.host] += h.cost
			heap.Push(&a, happening{at: h.at + r.ExpFloat64()*f.stay, kind: 'l', host: h.host, cost: h.cost})
		case 'l':
			n[h.host]--
			load[h.host] -= h.cost
		case 'r':
			var views []scorer.Report
			for i := range f.capacities {
				v := scorer.NewReport(nameOf(i), "orca", clock(h.at))
				v.InFlight = n[i]
				v.CPU = area[i] / max(h.at-reported, 1e-3) * (1 + 0.05*r.NormFloat64())
				area[i] = 0
				views = append(views, v)
			}
			reported = h.at
			heap.Push(&a, happening{at: h.at + f.late.Seconds(), kind: 'h', views: views})
			heap.Push(&a, happening{at: h.at + f.period.Seconds(), kind: 'r'})
		case 'h':
			for _, v := range h.views {
				pool.Observe(v)
			}
		case 's':
			policy.hear(pool.Step(clock(h.at)))
			if h.at > farmStart.Seconds() {
				var highest, sum float64
				for i, c := range f.capacities {
					highest = max(highest, load[i]/c)
					sum += load[i]
					if seconds++; load[i] > 0.95*c {
						hots++
					}
				}
				ratios = append(ratios, highest/(sum/total))
			}
			heap.Push(&a, happening{at: h.at + 1, kind: 's'})
		}
	}
	slices.Sort(ratios)
	for _, x := range ratios {
		mean += x / float64(len(ratios))
	}
	return mean, ratios[len(ratios)*99/100], float64(hots) / float64(seconds)
}

func nameOf(i int) string { return fmt.Sprintf("ws%02d", i) }

func (f farm) backends() []scorer.Backend {
	var out []scorer.Backend
	for i, c := range f.capacities {
		out = append(out, scorer.Backend{Name: nameOf(i), Address: fmt.Sprintf("10.0.0.%d:80", i+1), Capacity: c})
	}
	return out
}
