package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

func sockets(duration time.Duration, backends []Backend, groups ...Sockets) Scenario {
	s := short(duration, 1, 0, backends)
	s.Load, s.Demand, s.Sockets = nil, Demand{}, groups
	return s
}

// Clients that arrive at 250 a second and stay for seven seconds on average.
func TestRoundsOfClients(t *testing.T) {
	s := sockets(20*time.Second, pool(4, 4), Sockets{
		Clients: 5000, ConnectOver: 20 * time.Second, Lifetime: Rounds(4*time.Second, 0.5, -time.Second),
	})
	s.Proxies = 3
	rec := &recorder{Static: Static{1, 1}}
	must(t, s, scorer.LeastConnections, 1, rec)
	last := rec.steps[len(rec.steps)-1]
	upgrades := 0
	for _, in := range rec.steps {
		upgrades += in[0].Upgrades + in[1].Upgrades
	}
	if n := last[0].InFlight + last[1].InFlight; math.Abs(n/1650-1) > 0.1 {
		t.Errorf("%v connections, want about 250/s × 7 s less the longest lives", n)
	}
	if diff := math.Abs(last[0].InFlight - last[1].InFlight); diff > 6 {
		t.Errorf("counts differ by %v, want at most two for each proxy", diff)
	}
	if want := 5000 * 19 / 20; math.Abs(float64(upgrades)/float64(want)-1) > 0.03 {
		t.Errorf("%d upgrades in 19 s, want about %d", upgrades, want)
	}
}

// Six backends, where real proxies hold 1.006 times the mean on the fullest.
func TestConnectionsSpreadAsOnRealProxies(t *testing.T) {
	s := sockets(20*time.Second, pool(1, 1, 1, 1, 1, 1), Sockets{
		Clients: 5000, ConnectOver: 20 * time.Second, Lifetime: Rounds(4*time.Second, 0.5, -time.Second),
	})
	s.Warmup = 15 * time.Second
	for _, p := range []Proxy{{Kind: KindHAProxy}, {Kind: KindEnvoy, Algorithm: scorer.LeastRequest}} {
		r, err := alone(&s, p, 1, Static{1, 1, 1, 1, 1, 1})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %.4f", p, r.ConnectionsMaxMean)
		if r.ConnectionsMaxMean > 1.012 {
			t.Errorf("%s: connections max/mean %.4f, want about 1.006", p, r.ConnectionsMaxMean)
		}
	}
}

// Many clients with a message each now and then are Poisson arrivals nearly:
// M/G/1 with processor sharing.
func TestMessagesShareACore(t *testing.T) {
	const clients, every, load = 600, 10 * time.Second, 0.5
	work := seconds(load * every.Seconds() / clients)
	s := sockets(30*time.Minute, pool(1), Sockets{
		Clients: clients, Message: Message{Every: every, Demand: exponential(work)}, Lifetime: ExponentialSpan(time.Minute),
		Reconnect: uniformSpan(0, 0),
	})
	r := must(t, s, scorer.LeastConnections, 1, Static{1})
	want := work.Seconds() / (1 - load)
	if got := r.Mean.Seconds(); math.Abs(got/want-1) > 0.05 {
		t.Errorf("mean %v s, want %v", got, want)
	}
	if want := float64(clients) * 180; math.Abs(float64(r.Requests)/want-1) > 0.02 {
		t.Errorf("%d messages, want about %v", r.Requests, want)
	}
}

func TestClientsComeBackAfterARestart(t *testing.T) {
	s := sockets(time.Minute, pool(4, 4), Sockets{
		Clients: 1000, ConnectOver: 5 * time.Second, Reconnect: uniformSpan(time.Second, 3*time.Second),
	})
	s.Backends[0].Condition = during(20*time.Second, 30*time.Second, func(c *Condition) { c.Killed = true })
	rec := &recorder{Static: Static{1, 1}}
	r := must(t, s, scorer.LeastConnections, 1, rec)
	for second, want := range map[int][2]float64{18: {500, 500}, 20: {0, 500}, 28: {0, 1000}, 58: {0, 1000}} {
		in := rec.steps[second]
		got := [2]float64{in[0].InFlight, in[1].InFlight}
		if second == 20 {
			got[1] = 500 // some are back already
		}
		if got != want {
			t.Errorf("in second %d: connections %v, want %v", second, got, want)
		}
	}
	if r.Requests != 0 || r.ConnectionsMaxMean < 1 || r.Lost != 500 {
		t.Errorf("result %+v, want no requests and 500 connections lost", r)
	}
}

func TestConnectionsThatAreNotToBeHad(t *testing.T) {
	group := Sockets{Clients: 10, Reconnect: uniformSpan(time.Second, time.Second)}
	s := sockets(10*time.Second+time.Millisecond, pool(4), group)
	if r := must(t, s, scorer.LeastConnections, 1, Static{0}); r.Refused != 110 || r.Failed != 110 || r.Requests != 110 {
		t.Errorf("%+v, want each client refused at 0, 1, … 10 s", r)
	}
	s.Backends[0].Condition = during(0, forever, func(c *Condition) { c.Errors = 1 })
	s.Sockets[0].Reconnect = nil
	if r := must(t, s, scorer.LeastConnections, 1, Static{1}); r.Failed != 10 || r.Refused != 0 {
		t.Errorf("%+v, want each client failed once", r)
	}
}

func TestDearClientsCostMore(t *testing.T) {
	s := sockets(time.Minute, pool(4, 4), Sockets{
		Clients: 100, Message: Message{Every: time.Second, Demand: constant(2 * time.Millisecond)},
		Dear: 1, DearMessage: Message{Every: time.Second, Demand: constant(time.Second)},
	})
	s.Reports = &Reports{}
	rec := &recorder{Static: Static{1, 1}}
	r := must(t, s, scorer.LeastConnections, 1, rec)
	last := rec.steps[len(rec.steps)-1]
	busy, idle := max(last[0].Report.Utilization, last[1].Report.Utilization), min(last[0].Report.Utilization, last[1].Report.Utilization)
	if math.Abs(busy-1.1/4) > 0.01 || math.Abs(idle-0.1/4) > 0.01 {
		t.Errorf("utilization %v and %v, want a core of four with the dear client more than 0.025", busy, idle)
	}
	if r.Imbalance < 1.7 {
		t.Errorf("imbalance %v, want the dear client's", r.Imbalance)
	}
	if n := last[0].Report.InFlight + last[1].Report.InFlight; n != 100 {
		t.Errorf("backends report %v connections", n)
	}
	if r.ConnectionsMaxMean != 1 {
		t.Errorf("connections max/mean %v, want 1", r.ConnectionsMaxMean)
	}
}

// Whatever the policy, a client does the same things.
func TestClientsAreTheSameForAllPolicies(t *testing.T) {
	s := sockets(time.Minute, pool(4, 4), Sockets{
		Clients: 200, ConnectOver: 10 * time.Second, Lifetime: ExponentialSpan(5 * time.Second),
		Reconnect: ExponentialSpan(time.Second), Message: Message{Every: time.Second, Demand: exponential(time.Millisecond)},
	})
	a := must(t, s, scorer.LeastConnections, 1, Static{1, 1})
	b := must(t, s, scorer.RoundRobin, 1, Static{9, 1})
	if a.Requests != b.Requests || a.Requests == 0 {
		t.Errorf("%d and %d messages", a.Requests, b.Requests)
	}
}

func TestPoolOfConnections(t *testing.T) {
	s := sockets(2*time.Minute, pool(4, 4), Sockets{
		Clients: 400, ConnectOver: 10 * time.Second, Lifetime: ExponentialSpan(time.Minute),
		Reconnect: ExponentialSpan(time.Second), Message: Message{Every: time.Second, Demand: exponential(time.Millisecond)},
	})
	s.Reports = DefaultReports()
	for _, p := range []Proxy{{Kind: KindHAProxy}, {Kind: KindEnvoy, Algorithm: scorer.LeastRequest}} {
		var kind scorer.Kind
		policy := Trimtab()
		policy.Watch = func(_ time.Duration, plan scorer.Plan, _ scorer.Rounded) { kind = plan.Kind }
		c, err := policy.Policy().New(Setup{Scenario: &s, Proxy: p.withDefaults()})
		if err != nil {
			t.Fatal(err)
		}
		r, err := alone(&s, p, 1, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: kind %s, imbalance %.3f, connections %.3f, p99 %v", p, kind, r.Imbalance, r.ConnectionsMaxMean, r.P99)
		if kind != scorer.KindConnections {
			t.Errorf("%s: taken for %q", p, kind)
		}
	}
}

// Clients that come back at once must not stop the clock while nobody is there.
func TestReconnectAtOnce(t *testing.T) {
	s := sockets(5*time.Second, pool(4), Sockets{
		Clients: 3, Reconnect: uniformSpan(0, 0), Message: Message{Every: time.Second, Demand: constant(time.Millisecond)},
	})
	s.Backends[0].Condition = during(time.Second, 2*time.Second, func(c *Condition) { c.Absent = true })
	r := must(t, s, scorer.LeastConnections, 1, Static{1})
	if r.Refused > 3000 {
		t.Errorf("%d refused, want at most one for each client and millisecond", r.Refused)
	}
}
