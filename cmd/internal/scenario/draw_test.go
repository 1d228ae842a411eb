package scenario

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestDraw(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := Draw(rapid.Uint64().Draw(t, "seed"))
		again(t, f)
		n := len(f.Expand().Backends)
		if n < 2 || n > 100 || f.Proxies > 16 {
			t.Errorf("%d backends, %d proxies", n, f.Proxies)
		}
		if !fair(f) {
			t.Errorf("overloaded for too long: %+v", f)
		}
		if requests := f.Expected(); requests < 5000 || requests > 2_000_000 {
			t.Errorf("%.0f requests", requests)
		}
		if u := fullUtilization(f); u < 0.28 || u > 0.86 {
			t.Errorf("utilization %.3f with the whole pool", u)
		}
	})
}

// fullUtilization is the share of the true capacity that is asked for while all
// backends are there and nothing has happened.
func fullUtilization(f File) float64 {
	f.Events, f.Backends = nil, slices.Clone(f.Backends)
	for i := range f.Backends {
		f.Backends[i].JoinsAt, f.Backends[i].LeavesAt = 0, 0
	}
	if r := f.Traffic[0].Requests; r != nil {
		plain := *r
		plain.Profile, plain.Ramp = nil, false
		f.Traffic = []Traffic{{Requests: &plain}}
	}
	return f.Load(f.Warmup) / capacityAt(f.Timelines(), 0)
}

func TestDrawIsRepeatable(t *testing.T) {
	for seed := range uint64(20) {
		if diff := cmp.Diff(Draw(seed), Draw(seed)); diff != "" {
			t.Errorf("seed %d draws two scenarios:\n%s", seed, diff)
		}
	}
}

// TestDrawHasAllThereIs counts what fifty draws contain: a scenario of every
// sort, or they judge little.
func TestDrawHasAllThereIs(t *testing.T) {
	counts := map[string]int{}
	count := func(what string, is bool) {
		if is {
			counts[what]++
		} else {
			counts[what] += 0
		}
	}
	const draws = 300
	for seed := range uint64(draws) {
		f := Draw(seed)
		count("without reports", f.Reports == nil)
		if r := f.Reports; r != nil {
			count("late", r.Delay > time.Second)
			count("noisy", r.Noise > 0.05)
			count("lost", r.Lost > 0)
		}
		count("several proxies", f.Proxies > 1)
		for _, b := range []Balance{Roundrobin, Leastconn, RandomTwo, LeastRequest, RoundRobin} {
			count(string(b), f.Proxy.Balance == b)
		}
		joins, leaves, neighbours, distant, sizes := false, false, false, false, map[float64]bool{}
		for _, b := range f.Backends {
			joins, leaves = joins || b.JoinsAt > 0, leaves || b.LeavesAt > 0
			neighbours, distant = neighbours || b.NeighbourCores > 0, distant || b.Distance > 0
			sizes[b.Cores*b.Speed] = true
		}
		count("joins", joins)
		count("leaves", leaves)
		count("neighbours", neighbours)
		count("distant", distant)
		count("unequal", len(sizes) > 1)
		for _, traffic := range f.Traffic {
			count("websockets", traffic.WebSockets != nil)
			if r := traffic.Requests; r != nil {
				d := r.Demand[0].Distribution
				count("const", d.Const != nil)
				count("uniform", d.Uniform != nil)
				count("exp", len(r.Demand) == 1 && d.Exp > 0)
				count("lognormal", d.Lognormal != nil)
				count("pareto", d.Pareto != nil)
				count("shifted", d.ShiftedExp != nil)
				count("mix", len(r.Demand) > 1)
				count("waits", len(r.Wait) > 0)
				count("ramp", r.Ramp)
				count("steps", len(r.Profile) > 0 && !r.Ramp)
			}
		}
		for _, e := range f.Events {
			for what, is := range map[string]bool{
				"cores": e.Cores != nil, "speed": e.Speed != nil, "neighbour": e.NeighbourCores != nil,
				"fail": e.Fail != nil, "error rate": e.ErrorRate != nil, "restart": e.Restart != nil,
				"wait factor": e.WaitFactor != nil, "cold": e.Cold != nil, "distance": e.Distance != nil,
				"reporting": e.Reports != nil, "report scale": e.ReportScale != nil,
			} {
				count(what, is)
			}
		}
	}
	for what, n := range counts {
		if n < draws/60 {
			t.Errorf("%s: in %d of %d draws", what, n, draws)
		}
	}
	t.Log(counts)
}

func TestRounded(t *testing.T) {
	for in, want := range map[float64]float64{0.1234: 0.12, 1.26: 1.3, 5: 5, 123: 120, 0.00456: 0.0046, 99.7: 100} {
		if got := rounded(in); math.Abs(got-want) > 0 {
			t.Errorf("rounded(%v) = %v, want %v", in, got, want)
		}
	}
}
