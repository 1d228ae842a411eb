package scorer

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever happens to a pool of connections: every figure is one, who is asked to leave
// is there, and the plan says why.
func TestPlansOfConnectionsMakeSense(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		config := Config{Name: "ws", Kind: rapid.SampledFrom([]Kind{KindConnections, KindConnections, KindAuto}).Draw(t, "kind")}
		if rapid.Bool().Draw(t, "sheds") {
			config.Shed = &ShedConfig{Rate: rapid.SampledFrom([]float64{0.01, 0.1, 1}).Draw(t, "rate"), Sharers: rapid.IntRange(1, 2).Draw(t, "sharers")}
		}
		pool, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		algorithm := rapid.SampledFrom([]Algorithm{LeastConnections, RoundRobin, LeastRequest}).Draw(t, "algorithm")
		now, orders := start, Orders{}
		held := map[string]float64{}
		for range rapid.IntRange(5, 40).Draw(t, "steps") {
			switch rapid.IntRange(0, 12).Draw(t, "event") {
			case 0, 1:
				var members []Backend
				for i := range 5 {
					if rapid.IntRange(0, 3).Draw(t, "there") > 0 {
						members = append(members, Backend{
							Name: fmt.Sprintf("s%d", i), Capacity: rapid.SampledFrom([]float64{0, 1, 1, 8, math.Inf(1)}).Draw(t, "capacity"),
							Condition: rapid.SampledFrom([]Condition{Up, Up, Up, Up, Down, Draining}).Draw(t, "condition"),
						})
					}
				}
				pool.SetBackends(members)
			case 2:
				orders = orders.Clone()
				orders.Drains = map[string]Drain{"s1": {Order: Order{At: now}, Over: 10 * time.Second, Forced: rapid.Bool().Draw(t, "forced")}}
				pool.SetOrders(orders)
			case 3:
				pool.SetOrders(Orders{})
				orders = Orders{}
			case 4:
				orders = orders.Clone()
				orders.Rebalance = &Order{At: now}
				pool.SetOrders(orders)
			case 5:
				pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: algorithm, Process: rapid.IntRange(0, 2).Draw(t, "process"), Reloading: rapid.Bool().Draw(t, "reloading")})
			case 6:
				memory := pool.Memory()
				if pool, err = New(config); err != nil {
					t.Fatal(err)
				}
				pool.Recall(memory, now)
				pool.SetBackends(equalBackends(rapid.IntRange(1, 5).Draw(t, "after a restart")))
				pool.SetOrders(orders)
			case 7:
				now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "pause")) * time.Second)
			}
			now = now.Add(time.Second)
			for i := range 5 {
				name := fmt.Sprintf("s%d", i)
				if rapid.IntRange(0, 9).Draw(t, "silent") == 0 {
					continue
				}
				if rapid.IntRange(0, 9).Draw(t, "jumps") == 0 {
					held[name] = float64(rapid.SampledFrom([]int{0, 0, 1, 7, 500, 5000}).Draw(t, "held"))
				}
				r := NewReport(name, rapid.SampledFrom([]string{"haproxy:a", "haproxy:a", "haproxy:b"}).Draw(t, "origin"), now)
				r.ByProxy, r.Interval, r.InFlight = true, time.Second, held[name]
				r.RPS, r.Upgrades = rapid.SampledFrom([]float64{math.NaN(), 0, 3}).Draw(t, "completed"), rapid.SampledFrom([]float64{math.NaN(), 0, 3}).Draw(t, "opened")
				pool.Observe(r)
				own := NewReport(name, "orca:"+name, now)
				own.CPU = rapid.SampledFrom([]float64{math.NaN(), 0, 0.3, 0.95, 1.5}).Draw(t, "cpu")
				pool.Observe(own)
			}
			if e := pool.EstimateShed(); e.Count < 0 {
				t.Fatalf("estimate before the step %+v", e)
			}
			_ = pool.CanDrain("s0")
			plan := pool.Step(now)
			checkConnections(t, &plan, held)
			estimate := pool.EstimateShed()
			if estimate.Takes < 0 || estimate.Takes > time.Hour*10 || estimate.Count < 0 {
				t.Fatalf("estimate %+v", estimate)
			}
			var shares []Share
			for _, d := range plan.Decisions {
				shares = append(shares, Share{Backend: d.Backend, Weight: d.Weight})
				if d.Shed.Count > 0 && plan.Mode == Active {
					count := rapid.IntRange(0, d.Shed.Count).Draw(t, "closed")
					held[d.Backend] = max(held[d.Backend]-float64(count), 0)
					pool.Closed(Closed{Backend: d.Backend, Seq: plan.Seq, At: now.Add(time.Second / 2), Count: count})
				}
			}
			if rapid.IntRange(0, 4).Draw(t, "reachable") > 0 {
				pool.Applied("t", InForce{Origin: "haproxy:a", Algorithm: algorithm, Shares: shares})
			} else {
				pool.Applied("t", InForce{})
			}
		}
	})
}

func checkConnections(t *rapid.T, plan *Plan, held map[string]float64) {
	s := &plan.Shedding
	if s.Asked < 0 || s.UnderWay < 0 || s.Excess < 0 || (s.State != ShedOff && s.Why == "") {
		t.Fatalf("%+v", s)
	}
	if s.Asked > 0 && s.State != ShedActive {
		t.Fatalf("asks and is %v", s.State)
	}
	asked := 0
	for i := range plan.Decisions {
		d := &plan.Decisions[i]
		if !isNumber(d.Weight) || d.Weight < 0 || math.IsInf(d.Goal, 0) || d.Goal < 0 || math.IsInf(d.Score, 0) {
			t.Fatalf("%+v", d)
		}
		if d.Shed.Count < 0 || d.Shed.Count > 0 && d.Shed.Why == "" || float64(d.Shed.Count) > 2*5000 {
			t.Fatalf("%+v", d.Shed)
		}
		parts := 0
		for _, part := range d.Shed.Parts {
			parts += part.Count
		}
		if len(d.Shed.Parts) > 0 && parts != d.Shed.Count {
			t.Fatalf("%+v", d.Shed)
		}
		if p := d.Drain; p != nil {
			if p.Left > p.First || p.Done && (p.Left != 0 || p.Held != "") || d.State != StateDraining {
				t.Fatalf("%+v, %v", p, d.State)
			}
			continue
		}
		asked += d.Shed.Count
	}
	if asked != s.Asked {
		t.Fatalf("%d asked, %+v", asked, s)
	}
}
