package simulate

import (
	"testing"
	"time"
)

// shedding asks for what it is told to, once.
type shedding struct {
	at     time.Duration
	counts []int
	closed []int
}

func (s *shedding) Start() Steering { return s.steering(0) }

func (s *shedding) Step(now time.Duration, in []Sample) Steering {
	for i := range in {
		s.closed[i] += in[i].Closed
	}
	return s.steering(now)
}

func (s *shedding) steering(now time.Duration) Steering {
	out := Steering{Weights: []int{100, 0}}
	if now == s.at {
		out.Sheds = s.counts
	}
	return out
}

func TestShedByAge(t *testing.T) {
	s := Scenario{
		Name: "shed", Proxies: 1, Backends: pool(1, 1), Duration: 30 * time.Second,
		Sockets: []Sockets{
			{Clients: 5, Message: Message{Every: time.Second, Demand: constant(time.Millisecond)}},
			{Clients: 5, ConnectFrom: 5 * time.Second},
		},
	}
	for _, test := range []struct {
		name  string
		order ShedOrder
		count int
		// closed are how many are closed, and left how many of the first group stay.
		closed, left int
	}{
		{"oldest first", ShedOldest, 3, 3, 2},
		{"youngest first", ShedYoungest, 3, 3, 5},
		{"youngest, more than came last", ShedYoungest, 7, 7, 3},
		{"more than there are", ShedOldest, 100, 10, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			s.ShedOrder = test.order
			c := &shedding{at: 10 * time.Second, counts: []int{test.count, 0}, closed: make([]int, 2)}
			r, err := recorded(&s, Proxy{}.withDefaults(), 1, c)
			if err != nil {
				t.Fatal(err)
			}
			if r.Shed != test.closed || c.closed[0] != test.closed || c.closed[1] != 0 {
				t.Errorf("closed %d, told %v, want %d", r.Shed, c.closed, test.closed)
			}
			last := r.Series.Backends[0].InFlight
			if left := last[len(last)-1]; left != float64(10-test.closed) {
				t.Errorf("%v connections left, want %d", left, 10-test.closed)
			}
			// Only the first group sends messages: five a second while all are there.
			if want := 5*10 + test.left*19; r.Requests < want-5 || r.Requests > want+6 {
				t.Errorf("%d messages, want about %d: others were closed", r.Requests, want)
			}
		})
	}
}

// Who left before it was his turn is not closed, nor is his next connection.
func TestShedLeavesNewConnectionsAlone(t *testing.T) {
	s := Scenario{
		Name: "shed", Proxies: 1, Backends: pool(1, 1), Duration: 30 * time.Second,
		Sockets: []Sockets{{
			Clients: 200, Lifetime: ExponentialSpan(2 * time.Second), Reconnect: uniformSpan(10*time.Millisecond, 20*time.Millisecond),
		}},
	}
	c := &shedding{at: 10 * time.Second, counts: []int{200, 0}, closed: make([]int, 2)}
	r, err := recorded(&s, Proxy{}.withDefaults(), 1, c)
	if err != nil {
		t.Fatal(err)
	}
	if r.Shed >= 195 || r.Shed < 120 {
		t.Errorf("%d of 200 closed: some leave by themselves within the second", r.Shed)
	}
}
