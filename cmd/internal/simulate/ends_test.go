package simulate

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/trimtab-lb/trimtab/scorer"
)

// anything is something that can happen to a backend.
func anything(t *rapid.T) Change {
	share := rapid.Float64Range(0, 1).Draw(t, "share")
	at := time.Duration(rapid.IntRange(0, 8000).Draw(t, "at")) * time.Millisecond
	changes := map[string]func(*Condition){
		"killed":  func(c *Condition) { c.Killed = true },
		"down":    func(c *Condition) { c.Down = true },
		"absent":  func(c *Condition) { c.Absent = true },
		"hanging": func(c *Condition) { c.Hanging = true },
		"failing": func(c *Condition) { c.Errors = share },
		"taken":   func(c *Condition) { c.Taken = 9 * share },
		"slow":    func(c *Condition) { c.Speed = 0.1 + share },
		"waiting": func(c *Condition) { c.Wait, c.Distance = 3*share, time.Second },
		"cores":   func(c *Condition) { c.Cores = 0.2 + share },
		"reports": func(c *Condition) { c.Report, c.Claim = ReportMode(5*share), share },
	}
	names := []string{"killed", "down", "absent", "hanging", "failing", "taken", "slow", "waiting", "cores", "reports"}
	return Change{
		At: at, Until: at + time.Duration(rapid.IntRange(1, 2000).Draw(t, "for"))*time.Millisecond,
		Do: changes[rapid.SampledFrom(names).Draw(t, "change")],
	}
}

// Whatever happens and whoever steers: what came is answered, failed or still
// connected, once; nothing is left behind and no policy fails.
func TestEverythingEnds(t *testing.T) {
	proxies := []Proxy{
		{Kind: KindHAProxy},
		{Kind: KindHAProxy, Algorithm: scorer.Random},
		{Kind: KindHAProxy, Algorithm: scorer.RoundRobin},
		{Kind: KindEnvoy, Algorithm: scorer.LeastRequest},
		{Kind: KindEnvoy, Algorithm: scorer.LeastRequest, FullScan: true},
		{Kind: KindEnvoy, Algorithm: scorer.RoundRobin},
	}
	rapid.Check(t, func(t *rapid.T) {
		cores := rapid.SliceOfN(rapid.Float64Range(0.5, 8), 1, 4).Draw(t, "cores")
		s := short(10*time.Second, rapid.IntRange(1, 3).Draw(t, "proxies"), rapid.Float64Range(0.1, 1).Draw(t, "load"), pool(cores...))
		s.Timeout = time.Second
		s.Demand = withWait(exponential(meanWork), 100*time.Millisecond, 0.3)
		s.Reports = &Reports{Period: 400 * time.Millisecond, Noise: 0.1, Missing: 0.1}
		s.Sockets = []Sockets{{
			Clients: 50, Lifetime: ExponentialSpan(3 * time.Second), Reconnect: ExponentialSpan(time.Second),
			Message: Message{Every: 300 * time.Millisecond, Demand: withWait(exponential(meanWork), 50*time.Millisecond, 0.5)},
		}}
		for i := range s.Backends {
			var changes []Change
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				changes = append(changes, anything(t))
			}
			s.Backends[i].Condition = Timeline(changes...)
		}
		for k := range rapid.IntRange(0, 3).Draw(t, "pools") {
			p := Pool{Name: string(rune('a' + k)), Proxies: rapid.IntRange(1, 2).Draw(t, "proxies of a pool")}
			for i := range s.Backends {
				if len(p.Members) == 0 || rapid.Bool().Draw(t, "shared") {
					p.Members = append(p.Members, Member{Backend: (i + k) % len(s.Backends)})
				}
			}
			if rapid.Bool().Draw(t, "own proxy") {
				p.Proxy = new(rapid.SampledFrom(proxies).Draw(t, "proxy of a pool"))
			}
			s.Pools = append(s.Pools, p)
			if k > 0 {
				s.Requests = append(s.Requests, Requests{Pool: k, Demand: s.Demand, Load: s.Load})
				s.Sockets[0].Pool = k
			}
		}
		proxy := rapid.SampledFrom(proxies).Draw(t, "proxy").withDefaults()
		policy := rapid.SampledFrom(Policies()).Draw(t, "policy")
		if policy.applicable(&s, proxy) != nil || policy.New == nil {
			return
		}
		if err := s.check(); err != nil {
			t.Fatal(err)
		}
		by, err := policy.steer(&s, proxy)
		if err != nil {
			t.Fatal(err)
		}
		e, err := newEngine(&run{scenario: &s, seed: 1, by: by, trace: newTrace(&s, 1), record: true})
		if err != nil {
			t.Fatal(err)
		}
		e.run()
		checkEnded(t, e)
		for i := range by {
			if f, ok := by[i].controller.(Failer); ok && f.Err() != nil {
				t.Error(f.Err())
			}
		}
	})
}

func checkEnded(t *rapid.T, e *engine) {
	open := make([]int, len(e.backends))
	for i := range e.clients {
		if c := &e.clients[i]; c.open {
			open[c.backend]++
		}
	}
	for i := range e.backends {
		if n := len(e.backends[i].jobs); n != 0 {
			t.Errorf("backend %d: %d jobs left", i, n)
		}
		if proxies, own := int(e.inFlight(i)), e.meter.own[i].inFlight; proxies != open[i] || own != open[i] {
			t.Errorf("backend %d: proxies count %d, itself %d, of %d that are open", i, proxies, own, open[i])
		}
	}
	if len(e.free) != len(e.messages) || len(e.waiting) != 0 {
		t.Errorf("%d of %d messages have ended, %d jobs wait", len(e.free), len(e.messages), len(e.waiting))
	}
	r := e.finish()
	if r.Unfinished != 0 || r.Refused > r.Failed || r.Failed > r.Requests || r.Requests == 0 {
		t.Errorf("of %d: %d failed, %d of them refused, %d never ended", r.Requests, r.Failed, r.Refused, r.Unfinished)
	}
}
