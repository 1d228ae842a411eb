package scorer

import (
	"math"
	"testing"
	"time"
)

func TestWhoLeavesIsRememberedForAWhile(t *testing.T) {
	capacity := map[string]float64{"s0": 400, "s1": 400, "s2": 200, "s3": 100}
	for _, tt := range []struct {
		name    string
		away    int
		address string
		learned bool
	}{
		{"for a moment", 2, "10.0.0.3:80", true},
		{"for some minutes", 300, "10.0.0.3:80", true},
		{"for longer", int(departedFor/time.Second) + 5, "10.0.0.3:80", false},
		{"and is another machine", 2, "10.0.0.9:80", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			all := equalBackends(4)
			all[3].Address = "10.0.0.3:80"
			r := newRig(t, Config{Kind: KindRequests}, all...)
			for range 200 {
				r.step(physics(r.plan, capacity, 700))
			}
			before := r.pool.Learned().Backends[3].Capacity / r.pool.Learned().Backends[0].Capacity
			r.pool.SetBackends(all[:3])
			for range tt.away {
				r.step(physics(r.plan, capacity, 600))
			}
			if len(r.pool.Learned().Backends) != 3 {
				t.Fatalf("learned of %d", len(r.pool.Learned().Backends))
			}
			all[3].Address = tt.address
			r.pool.SetBackends(all)
			r.step(physics(r.plan, capacity, 600))
			l := r.pool.Learned()
			after := l.Backends[3].Capacity / l.Backends[0].Capacity
			if got := math.Abs(after/before-1) < 0.5; got != tt.learned {
				t.Errorf("capacity %.2f of the first when it left and %.2f when it came back", before, after)
			}
			// A machine that comes back is cold.
			if d := r.decision("s3"); d.Weight > 0.15 {
				t.Errorf("it comes back with the weight %.2f: %s", d.Weight, d.Why)
			}
		})
	}
}

func TestWhoLeftLongAgoTakesNoRoom(t *testing.T) {
	all := equalBackends(3)
	r := newRig(t, Config{}, all...)
	r.step(nil)
	r.pool.SetBackends(all[:2])
	if len(r.pool.departed) != 1 {
		t.Errorf("%d remembered", len(r.pool.departed))
	}
	r.now = r.now.Add(departedFor + time.Second)
	r.step(nil)
	r.pool.SetBackends(all[:2])
	if len(r.pool.departed) != 0 {
		t.Errorf("%d remembered after %s", len(r.pool.departed), departedFor)
	}
}
