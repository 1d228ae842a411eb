package assign

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// ours is a placement for each front.
type ours []*Placement

func newOurs(f farm, r *rand.Rand) rule {
	var out ours
	for range f.fronts {
		c := Config{Clients: f.share, Follow: time.Duration(f.lag * 1e9), Source: r, Full: -1}
		if f.told {
			c.Fronts = f.fronts
		}
		p := New(c)
		p.SetBackends(f.backends())
		out = append(out, p)
	}
	return out
}

func (o ours) hear(plan scorer.Plan) {
	for _, p := range o {
		_, _ = p.Apply(context.Background(), plan)
	}
}

func (o ours) place(now time.Time, front int) int {
	b, err := o[front].Assign(now, Request{})
	if err != nil {
		panic(err)
	}
	return int(b.At.Addr().As4()[3]) - 1
}

// leastScore sends everybody to the least sum of connections and per cent of CPU.
type leastScore struct{ best int }

func (l *leastScore) place(time.Time, int) int { return l.best }

func (l *leastScore) hear(plan scorer.Plan) {
	score := func(d scorer.Decision) float64 { return d.InFlight + 100*d.Utilization }
	least := slices.MinFunc(plan.Decisions, func(a, b scorer.Decision) int { return cmp.Compare(score(a), score(b)) })
	l.best = slices.IndexFunc(plan.Decisions, func(d scorer.Decision) bool { return d.Backend == least.Backend })
}

// lots draws by capacity.
type lots struct {
	f farm
	r *rand.Rand
}

func (l lots) hear(scorer.Plan) {}

func (l lots) place(time.Time, int) int {
	var total float64
	for _, c := range l.f.capacities {
		total += c
	}
	x := l.r.Float64() * total
	for i, c := range l.f.capacities {
		if x -= c; x < 0 {
			return i
		}
	}
	return 0
}

var (
	unequalHosts = []float64{8, 8, 4, 4, 2, 8, 8, 4, 4, 2}
	equalHosts   = []float64{4, 4, 4, 4, 4, 4, 4, 4, 4, 4}
)

// With nothing but reports that are 5 s old, load stays even: this is the table of the
// package's comment.
func TestMeasuredHerding(t *testing.T) {
	type rules map[string]func(farm, *rand.Rand) rule
	all := rules{
		"ours":  newOurs,
		"least": func(farm, *rand.Rand) rule { return &leastScore{} },
		"lots":  func(f farm, r *rand.Rand) rule { return lots{f, r} },
	}
	just := rules{"ours": newOurs}
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	base := farm{capacities: unequalHosts, fronts: 1, told: true, period: 5 * time.Second, stay: 300, share: 1, cost: usual}
	with := func(change func(f *farm)) farm {
		f := base
		change(&f)
		return f
	}
	dns := func(f *farm) { f.share, f.lag = 5, 5 }
	var table strings.Builder
	fmt.Fprintf(&table, "%-42s %-22s %-22s %s\n", "", "ours", "least n + cpu%", "by lot")
	for _, c := range []struct {
		name  string
		farm  farm
		rules rules
		limit float64 // 0: shown only
	}{
		{"redirect", base, all, 1.05},
		{"redirect, equal hosts", with(func(f *farm) { f.capacities = equalHosts }), all, 1.05},
		{"redirect, reports each second, 5 s late", with(func(f *farm) { f.period, f.late = time.Second, 5*time.Second }), just, 1.05},
		{"redirect, 4 fronts", with(func(f *farm) { f.fronts = 4 }), just, 1.05},
		{"redirect, 4 fronts, none told", with(func(f *farm) { f.fronts, f.told = 4, false }), just, 1.05},
		{"redirect, wild costs", with(func(f *farm) { f.cost = wild }), all, 1.10},
		{"redirect, wild costs, 4 fronts", with(func(f *farm) { f.cost, f.fronts = wild, 4 }), just, 1.10},
		{"redirect, wild costs, 4 fronts, none told", with(func(f *farm) { f.cost, f.fronts, f.told = wild, 4, false }), just, 1.10},
		{"DNS, 5 clients an answer", with(dns), all, 1.05},
		{"DNS, 4 fronts", with(func(f *farm) { dns(f); f.fronts = 4 }), just, 1.05},
		{"DNS, 4 fronts, none told", with(func(f *farm) { dns(f); f.fronts, f.told = 4, false }), just, 1.05},
		{"DNS, wild costs, 4 fronts", with(func(f *farm) { dns(f); f.cost, f.fronts = wild, 4 }), all, 1.10},
		{"DNS, 10 clients an answer", with(func(f *farm) { dns(f); f.share = 10 }), all, 0},
		{"DNS, 10 clients an answer, 4 fronts", with(func(f *farm) { dns(f); f.share, f.fronts = 10, 4 }), just, 0},
	} {
		fmt.Fprintf(&table, "%-42s", c.name)
		means := map[string]float64{}
		for _, name := range []string{"ours", "least", "lots"} {
			if c.rules[name] == nil {
				continue
			}
			var mean, p99, hot float64
			for seed := range seeds {
				m, p, h := c.farm.run(t, seed+1, c.rules[name])
				mean, p99, hot = mean+m/float64(seeds), p99+p/float64(seeds), hot+h/float64(seeds)
			}
			means[name] = mean
			fmt.Fprintf(&table, " %.3f / %.3f h%4.1f%%  ", mean, p99, 100*hot)
		}
		table.WriteByte('\n')
		if c.limit > 0 && means["ours"] > c.limit {
			t.Errorf("%s: highest over mean load is %.3f, want at most %.2f", c.name, means["ours"], c.limit)
		}
		for _, other := range []string{"least", "lots"} {
			if c.rules[other] != nil && means["ours"] >= means[other] {
				t.Errorf("%s: %.3f is no better than %s: %.3f", c.name, means["ours"], other, means[other])
			}
		}
	}
	t.Logf("highest over mean load: mean over time / 99th percentile, share of host-seconds above 95 %%\n%s", table.String())
}
