package assign

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"github.com/cespare/xxhash/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
)

// A key stays where it is when others come and go, and moves to all alike.
func TestKeysMoveLittle(t *testing.T) {
	var all []scorer.Decision
	for i := range 10 {
		all = append(all, told(fmt.Sprint("b", i), func(d *scorer.Decision) { d.InFlight = 1e6 }))
	}
	of := func(p *Placement) map[int]string {
		out := map[int]string{}
		for i := range 2000 {
			b, err := p.Assign(start, Request{Key: fmt.Appendf(nil, "room-%d", i)})
			if err != nil {
				t.Fatal(err)
			}
			out[i] = b.Name
		}
		return out
	}
	before, again, less := of(placed(t, Config{}, planOf(all...))), of(placed(t, Config{}, planOf(all...))), of(placed(t, Config{}, planOf(all[1:]...)))
	if diff := cmp.Diff(before, again); diff != "" {
		t.Errorf("another process places keys elsewhere:\n%s", diff)
	}
	shares := map[string]int{}
	for i, name := range before {
		if name != "b0" && less[i] != name {
			t.Fatalf("key %d moved from %s to %s, and only b0 has left", i, name, less[i])
		}
		if name == "b0" {
			shares[less[i]]++
		}
	}
	if len(shares) != 9 {
		t.Errorf("the keys of the one that left went to %v, want to all 9", shares)
	}
}

// However keys are chosen, nobody gets more than the bound.
func TestBound(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		bound := rapid.Float64Range(1.05, 3).Draw(rt, "bound")
		n := rapid.IntRange(1, 12).Draw(rt, "backends")
		var all []scorer.Decision
		weights := 0.0
		for i := range n {
			w := rapid.Float64Range(0.05, 20).Draw(rt, "weight")
			weights += w
			all = append(all, told(fmt.Sprint("b", i), func(d *scorer.Decision) { d.Weight, d.InFlight, d.Utilization = w, 0, 0 }))
		}
		p := placed(t, Config{Bound: bound, Full: -1}, planOf(all...))
		clients := rapid.IntRange(1, 300).Draw(rt, "clients")
		var key [8]byte
		got := map[string]int{}
		for range clients {
			binary.LittleEndian.PutUint64(key[:], rapid.Uint64Range(0, 3).Draw(rt, "key"))
			b, err := p.Assign(start, Request{Key: key[:]})
			if err != nil {
				rt.Fatal(err)
			}
			got[b.Name]++
		}
		for _, d := range all {
			if most := math.Ceil(bound*float64(max(clients, leastKeyed*n))*d.Weight/weights + 1e-6); float64(got[d.Backend]) > most {
				rt.Fatalf("%s with weight %v of %v got %d of %d, want at most %v", d.Backend, d.Weight, weights, got[d.Backend], clients, most)
			}
		}
	})
}

// Few clients with the same key stay together, whatever their share is.
func TestFewStayTogether(t *testing.T) {
	p := placed(t, Config{}, planOf(
		told("a", func(d *scorer.Decision) { d.InFlight = 0 }), told("b", func(d *scorer.Decision) { d.InFlight = 0 }),
		told("c", func(d *scorer.Decision) { d.InFlight = 0 }), told("d", func(d *scorer.Decision) { d.InFlight = math.NaN() })))
	if got := count(t, p, leastKeyed, Request{Key: []byte("room-7")}); len(got) != 1 {
		t.Errorf("%d clients of one key are sent to %v", leastKeyed, got)
	}
}

// Backends that nobody counts the clients of for a while do not take the keys of the
// others.
func TestKeysStayWithoutCounts(t *testing.T) {
	const keys = 500
	plan := func(counted int) scorer.Plan {
		var all []scorer.Decision
		for i := range 10 {
			all = append(all, told(fmt.Sprint("b", i), func(d *scorer.Decision) {
				if d.InFlight = 1000; i >= counted {
					d.InFlight = math.NaN()
				}
			}))
		}
		return planOf(all...)
	}
	p := placed(t, Config{}, plan(10))
	of := func() (out []string) {
		for i := range keys {
			b, err := p.Assign(start, Request{Key: fmt.Appendf(nil, "room-%d", i)})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, b.Name)
		}
		return out
	}
	before := of()
	for _, counted := range []int{7, 3} {
		apply(t, p, plan(counted))
		moved := 0
		for i, name := range of() {
			if name != before[i] {
				moved++
			}
		}
		if moved > 0 {
			t.Errorf("%d of %d keys moved with %d of 10 backends counted", moved, keys, counted)
		}
	}
}

// A backend that is passed over for its bound is passed over for nothing else: the
// order is that of the ranks themselves.
func TestKeyedIsTheHighestRank(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		var all []scorer.Decision
		for i := range rapid.IntRange(1, 50).Draw(rt, "backends") {
			w := rapid.Float64Range(0.05, 20).Draw(rt, "weight")
			all = append(all, told(fmt.Sprint("b", i), func(d *scorer.Decision) { d.Weight, d.InFlight = w, 1e6*w }))
		}
		p := placed(t, Config{Full: -1}, planOf(all...))
		key := rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(rt, "key")
		want, highest := "", math.Inf(-1)
		for _, h := range p.order {
			s := seed{h.hash, h.weight}
			if rank := s.rank(s.uniform(xxhash.Sum64(key))); rank > highest {
				want, highest = h.name, rank
			}
		}
		if got, err := p.Assign(start, Request{Key: key}); err != nil || got.Name != want {
			rt.Fatalf("sent to %s (%v), want %s", got.Name, err, want)
		}
	})
}

// What lotteries know to be held is what the hosts hold.
func TestHeldIsTheSum(t *testing.T) {
	p := placed(t, Config{Fronts: 3, Full: -1}, planOf(told("a", nil), told("b", nil), told("c", func(d *scorer.Decision) { d.InFlight = math.NaN() })))
	count(t, p, 100, Request{Family: IPv4})
	count(t, p, 100, Request{Key: []byte("room")})
	for name, l := range map[string]*lottery{"all": &p.all, "v4": &p.v4} {
		sum := 0.0
		for _, h := range l.hosts {
			sum += p.view.held(h)
		}
		if math.Abs(l.held-sum) > 1e-6 || sum < 200 {
			t.Errorf("%s: %v are held, want %v", name, l.held, sum)
		}
	}
}
