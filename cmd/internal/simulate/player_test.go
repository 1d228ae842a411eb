package simulate

import (
	"math"
	"testing"
	"time"
)

// chatty is clients that come, talk, go and come back, some of them dear, before
// backends that are never busy.
func chatty() *Scenario {
	return &Scenario{
		Name: "chatty", Proxies: 3, Duration: time.Minute,
		Backends: []Backend{{Name: "a", Cores: 1e6, Speed: 1}, {Name: "b", Cores: 1e6, Speed: 1}},
		Sockets: []Sockets{{
			Clients: 40, ConnectOver: 5 * time.Second, Lifetime: Rounds(2*time.Second, 0.5, -time.Second),
			Reconnect: uniformSpan(0, time.Second), Message: Message{300 * time.Millisecond, exponential(4 * time.Millisecond)},
			Dear: 3, DearMessage: Message{time.Second, constant(500 * time.Millisecond)},
		}, {Clients: 5, Reconnect: uniformSpan(time.Second, time.Second)}},
	}
}

// Whoever plays clients elsewhere sees the messages of the simulation.
func TestClientsActAsInASimulation(t *testing.T) {
	s := chatty()
	want, err := Run(s, Proxy{}, 7, Static{1, 1})
	if err != nil {
		t.Fatal(err)
	}
	clients, err := Clients(s, 7)
	if err != nil {
		t.Fatal(err)
	}
	messages, connects, proxies := 0, 0, map[int]bool{}
	var work time.Duration
	for _, c := range clients {
		last := time.Duration(0)
		for {
			at, ok := c.Next()
			if !ok {
				break
			}
			a := c.Act()
			if a.At != at || at < last || at >= s.Duration {
				t.Fatalf("an act at %v, which was to be at %v, after %v", a.At, at, last)
			}
			last = at
			switch a.Kind {
			case ActConnect:
				if _, ok := c.Next(); ok {
					t.Fatal("it acts while it connects")
				}
				connects++
				proxies[a.Proxy] = true
				c.Opened()
			case ActSend:
				messages++
				work += a.Work
			}
		}
	}
	if messages != want.Requests || connects <= len(clients) || len(proxies) != s.Proxies {
		t.Errorf("%d messages, the simulation has %d; %d connections to %d proxies", messages, want.Requests, connects, len(proxies))
	}
	if mean := work.Seconds() / float64(messages); math.Abs(mean-want.Mean.Seconds()) > 1e-6 {
		t.Errorf("mean work %v s, the simulation has %v", mean, want.Mean)
	}
}

func TestClientsComeBack(t *testing.T) {
	s := chatty()
	s.Sockets = s.Sockets[1:]
	clients, err := Clients(s, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := clients[0]
	if a := c.Act(); a.Kind != ActConnect || a.At != 0 {
		t.Fatalf("%+v", a)
	}
	c.Closed(3 * time.Second) // refused
	if a := c.Act(); a.Kind != ActConnect || a.At != 4*time.Second {
		t.Fatalf("%+v", a)
	}
	c.Opened()
	if at, ok := c.Next(); ok {
		t.Fatalf("it acts at %v, though it has nothing to say and stays", at)
	}
	c.Closed(59 * time.Second) // lost
	if at, ok := c.Next(); ok {
		t.Fatalf("it acts at %v, after the end", at)
	}
	if _, err := Clients(&Scenario{}, 1); err == nil {
		t.Error("clients of a scenario that cannot be")
	}
}
