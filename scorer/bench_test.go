package scorer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// BenchmarkStep takes one step of a pool of equal backends whose counts are as
// noisy as those of requests are.
func BenchmarkStep(b *testing.B) {
	for _, n := range []int{5, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			rng := rand.New(rand.NewPCG(1, 2))
			around := func(mean float64) float64 {
				return max(mean+math.Sqrt(mean)*rng.NormFloat64(), 0)
			}
			p, err := New(Config{Name: "pool"})
			if err != nil {
				b.Fatal(err)
			}
			var backends []Backend
			for i := range n {
				backends = append(backends, Backend{Name: fmt.Sprintf("s%05d", i)})
			}
			p.SetBackends(backends)
			now := time.Unix(1e9, 0)
			shares := make([]Share, n)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for k := range 5 {
					for i := range backends {
						r := NewReport(backends[i].Name, "haproxy:x", now.Add(time.Duration(k)*200*time.Millisecond))
						r.ByProxy, r.Interval = true, 200*time.Millisecond
						// 9 requests in 200 ms, 4 at a time.
						r.InFlight, r.RPS = around(4), 5*around(9)
						r.EPS = 0
						r.Latency = 0.02
						p.Observe(r)
					}
				}
				now = now.Add(time.Second)
				b.StartTimer()
				plan := p.Step(now)
				b.StopTimer()
				for i := range plan.Decisions {
					shares[i] = Share{Backend: plan.Decisions[i].Backend, Weight: plan.Decisions[i].Weight}
				}
				p.Applied("t", InForce{Origin: "haproxy:x", Algorithm: LeastConnections, Shares: shares})
				b.StartTimer()
			}
		})
	}
}
