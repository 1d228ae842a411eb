package scorer

import (
	"fmt"
	"testing"
	"time"
)

func BenchmarkStep(b *testing.B) {
	for _, n := range []int{5, 10_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
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
						r.InFlight = 1 + float64((i*7+k+int(now.Unix())*13)%11)
						r.RPS = 40 + float64((i*5+k+int(now.Unix())*11)%23)
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
