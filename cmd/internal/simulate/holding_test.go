package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// Each case is seconds of a pool of equal backends that is watched for 40 s, the first
// 10 of which are warm-up.
func TestHeld(t *testing.T) {
	const usual = 0.002 // cores that a connection takes
	absent, draining, killed := Healthy(), Healthy(), Healthy()
	absent.Absent, killed.Killed = true, true
	draining.Draining, draining.DrainedFrom = 10*time.Second, 20*time.Second
	until := func(at int, first Condition) func(int) Condition {
		return func(second int) Condition {
			if second < at {
				return first
			}
			return Healthy()
		}
	}
	always := func(n float64) func(int) float64 { return func(int) float64 { return n } }
	for _, test := range []struct {
		name string
		held []func(second int) float64
		// last is the condition of the last backend, dear what the first has on it
		// from second 20 on, in cores.
		last func(second int) Condition
		dear float64
		want Held
	}{
		{
			"nothing happens",
			[]func(int) float64{always(120), always(100), always(80)},
			nil, 0,
			Held{Peak: 300, PeakMaxMean: 1.2, PeakMaxMin: 40, EndMaxMean: 1.2},
		},
		{
			"one joins and gets nothing",
			[]func(int) float64{always(500), always(500), always(500), always(0)},
			until(20, absent), 0,
			Held{Peak: 1500, PeakMaxMean: 4.0 / 3, PeakMaxMin: 500, EndMaxMean: 4.0 / 3, Least: 1500 - 3*1.05*375},
		},
		{
			"the last second of a peak counts",
			[]func(int) float64{
				func(at int) float64 { return max(500-10*float64(at-10), 300) },
				func(at int) float64 { return min(100+10*float64(at-10), 300) },
			},
			nil, 0,
			Held{Peak: 600, PeakMaxMean: 1, EndMaxMean: 1},
		},
		{
			"one is drained, goes and comes back",
			[]func(int) float64{
				always(200), always(200), func(at int) float64 { return max(200-20*float64(max(at-20, 0)), 0) },
			},
			func(at int) Condition {
				switch {
				case at < 20:
					return Healthy()
				case at < 30:
					return draining
				case at < 35:
					return killed
				default:
					return Healthy()
				}
			}, 0,
			Held{Peak: 600, PeakMaxMean: 1, EndMaxMean: 1.5, Least: 200 + 2*(200-1.05*400/3)},
		},
		{
			"a dear connection comes",
			[]func(int) float64{always(1000), always(1000), always(1000), always(1000), always(1000)},
			nil, 1,
			Held{Peak: 5000, PeakMaxMean: 1, EndMaxMean: 1, Least: 1000 - 1.05*600},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := len(test.held)
			s := &Scenario{Warmup: 10 * time.Second, Duration: 40 * time.Second}
			for range n {
				s.Backends = append(s.Backends, Backend{Cores: 4, Speed: 1})
			}
			if test.dear > 0 {
				s.Sockets = []Sockets{{Clients: 1, ConnectFrom: 20 * time.Second}}
			}
			h := NewHolding(s)
			for second := 1; second <= 40; second++ {
				conditions := make([]Condition, n)
				for i := range conditions {
					conditions[i] = Healthy()
				}
				if test.last != nil {
					conditions[n-1] = test.last(second)
				}
				h.Second(time.Duration(second)*time.Second, conditions, func(i int) (utilization, inFlight float64) {
					inFlight = test.held[i](second)
					work := usual * inFlight
					if i == 0 && second > 20 {
						work += test.dear
					}
					return work / 4, inFlight
				})
			}
			if diff := cmp.Diff(test.want, h.Held(), cmpopts.EquateApprox(1e-9, 1e-9)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What has to be closed in a pool does not depend on another one, nor on who connects
// there.
func TestHeldBesideAnotherPool(t *testing.T) {
	alone := Scenario{
		Name: "alone", Proxies: 1, Backends: pool(4, 4), Warmup: 5 * time.Second, Duration: 40 * time.Second,
		Sockets: []Sockets{
			{Clients: 400, Message: Message{Every: time.Second, Demand: constant(2 * time.Millisecond)}},
			{Clients: 1, ConnectFrom: 20 * time.Second, Message: Message{Every: time.Second, Demand: constant(time.Second)}},
		},
	}
	want := played(t, &alone, Proxy{}, Equal()).Held
	if want.Least < 50 {
		t.Errorf("%v of 400 have to be closed, though one of them takes as much as half of the others", want.Least)
	}
	both := alone
	both.Backends = pool(4, 4, 4)
	both.Pools = []Pool{{Name: "one", Members: members(0, 1), Proxies: 1}, {Name: "other", Members: members(2), Proxies: 1}}
	both.Sockets = append(both.Sockets[:2:2], Sockets{Pool: 1, Clients: 10, ConnectFrom: 25 * time.Second})
	all := played(t, &both, Proxy{}, Equal())
	if diff := cmp.Diff(want, all.Pools[0].Held); diff != "" {
		t.Errorf("beside another pool (-alone +beside it):\n%s", diff)
	}
	if all.Held.Least != want.Least {
		t.Errorf("%v have to be closed in both, %v in one", all.Held.Least, want.Least)
	}
}

// Who finds nobody, or is closed and never comes back, is lost.
func TestClientsLost(t *testing.T) {
	down := func(at, until time.Duration) func(time.Duration) Condition {
		return Timeline(Change{At: at, Until: until, Do: func(c *Condition) { c.Killed = true }})
	}
	soon := uniformSpan(100*time.Millisecond, 200*time.Millisecond)
	for _, test := range []struct {
		name      string
		condition func(time.Duration) Condition
		sockets   Sockets
		want      int
	}{
		{"all come back", down(5*time.Second, 7*time.Second), Sockets{Clients: 10, Reconnect: soon}, 0},
		{"there is nobody to come back to", down(5*time.Second, 0), Sockets{Clients: 10, Reconnect: soon}, 10},
		{"they do not try", down(5*time.Second, 7*time.Second), Sockets{Clients: 10}, 10},
		{"they leave by themselves", nil, Sockets{Clients: 10, Lifetime: ExponentialSpan(time.Second)}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := Scenario{
				Name: "lost", Proxies: 1, Duration: 20 * time.Second, Sockets: []Sockets{test.sockets},
				Backends: []Backend{{Name: "a", Cores: 1, Speed: 1, Condition: test.condition}},
			}
			r, err := Run(&s, Proxy{}.withDefaults(), 1, Static{100})
			if err != nil {
				t.Fatal(err)
			}
			if r.ClientsLost != test.want {
				t.Errorf("%d clients lost, want %d", r.ClientsLost, test.want)
			}
		})
	}
}

func TestAPlayedClientIsLost(t *testing.T) {
	s := Scenario{
		Name: "lost", Proxies: 1, Duration: 20 * time.Second, Backends: pool(1),
		Sockets: []Sockets{{Clients: 1, Reconnect: ExponentialSpan(time.Second)}, {Clients: 1}},
	}
	clients, err := Clients(&s, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i, test := range []struct{ refused, closed bool }{{true, false}, {true, true}} {
		c := clients[i]
		for _, step := range []struct {
			do   func()
			want bool
		}{
			{func() {}, false},
			{func() { c.Act(); c.Closed(time.Second) }, test.refused},
		} {
			if step.do(); c.Lost() != step.want {
				t.Errorf("client %d: lost %v, want %v", i, c.Lost(), step.want)
			}
		}
		c.Act()
		if c.Opened(); c.Lost() {
			t.Errorf("client %d is connected and lost", i)
		}
		if c.Closed(3 * time.Second); c.Lost() != test.closed {
			t.Errorf("client %d, whose connection was ended: lost %v, want %v", i, c.Lost(), test.closed)
		}
	}
}

// What was closed has no measure where nothing had to be.
func TestShedOverLeast(t *testing.T) {
	result := func(shed int, least float64) Result {
		return Result{Shed: shed, Held: Held{Peak: 100, PeakMaxMean: 1.5, PeakMaxMin: 20, Least: least}, ClientsLost: 2}
	}
	for _, test := range []struct {
		shed  int
		least float64
		want  float64
	}{{110, 100, 1.1}, {0, 100, 0}, {0, 0, math.NaN()}, {5, 0, math.NaN()}} {
		r := result(test.shed, test.least)
		f := Summarize([]Verdict{{Clients: true, Results: []Result{r}, Oracle: []Result{r}}})[0].Policies[0].SocketFigures
		over := math.NaN()
		if f.ConnectionsShedOverLeast != nil {
			over = *f.ConnectionsShedOverLeast
		}
		if over != test.want && !(math.IsNaN(over) && math.IsNaN(test.want)) || f.ConnectionsLeast != test.least || f.ClientsLost != 2 {
			t.Errorf("%d of %v: %v in %+v, want %v", test.shed, test.least, over, f, test.want)
		}
	}
}
