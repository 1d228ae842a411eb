package haproxy

import (
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// work is what a server did, counted over some polls.
type work struct{ Done, Failed, Upgraded int }

// tally adds up reports.
type tally map[string]*work

func (t tally) add(reports map[string]scorer.Report) {
	whole := func(rate float64, r scorer.Report) int { return int(math.Round(rate * r.Interval.Seconds())) }
	for name, r := range reports {
		if r.Interval == 0 {
			continue
		}
		if t[name] == nil {
			t[name] = &work{}
		}
		t[name].Done += whole(r.RPS, r)
		t[name].Failed += whole(r.EPS, r)
		t[name].Upgraded += whole(r.Upgrades, r)
	}
}

// front is a frontend and a backend "ws" in front of servers, where %[1]s and
// %[2]s are addresses of servers that behave.
func front(t *testing.T, binary, mode, backend string) (*instance.Instance, *watch) {
	t.Helper()
	in := start(t, instance.Options{
		Binary: binary, Listeners: 1,
		Config: preamble + "frontend f\n  mode " + mode + "\n  bind @FD0@\n  default_backend ws\nbackend ws\n  mode " + mode + "\n" +
			fmt.Sprintf(backend, behaving(t), behaving(t)),
	})
	p := newProxy(t, Config{Socket: in.Socket()})
	return in, watched(t, p.Backend("ws"))
}

func TestWhatCountsAsDoneAndFailed(t *testing.T) {
	const one = "  server s1 %[1]s\n#%[2]s\n"
	const nobody = "127.0.0.1:1"
	onEach(t, func(t *testing.T, binary string) {
		for name, test := range map[string]struct {
			mode, backend string
			drive         func(t *testing.T, address string)
			want          map[string]work
		}{
			"answered": {
				"http", one,
				func(t *testing.T, a string) { get(t, a, "/", 10) },
				map[string]work{"s1": {Done: 10}},
			},
			"kept alive": {
				"http", one,
				func(t *testing.T, a string) { keepAlive(t, a, "/", 10) },
				map[string]work{"s1": {Done: 10}},
			},
			"errors of the server are failures, of the client not": {
				"http", one,
				func(t *testing.T, a string) { get(t, a, "/500", 4); get(t, a, "/404", 3) },
				map[string]work{"s1": {Done: 7, Failed: 4}},
			},
			"closed without an answer": {
				"http", one,
				func(t *testing.T, a string) { get(t, a, "/close", 3) },
				map[string]work{"s1": {Done: 3, Failed: 3}},
			},
			"half of them closed without an answer": {
				"http", one,
				func(t *testing.T, a string) { get(t, a, "/close", 5); get(t, a, "/", 5) },
				map[string]work{"s1": {Done: 10, Failed: 5}},
			},
			"no HTTP": {
				"http", one,
				func(t *testing.T, a string) { get(t, a, "/garbage", 3) },
				map[string]work{"s1": {Done: 3, Failed: 3}},
			},
			"broken off in the middle": {
				"http", one,
				func(t *testing.T, a string) { get(t, a, "/partial", 3) },
				map[string]work{"s1": {Done: 3, Failed: 3}},
			},
			"no answer in time": {
				"http", "  timeout server 100ms\n" + one,
				func(t *testing.T, a string) { get(t, a, "/never", 2) },
				map[string]work{"s1": {Done: 2, Failed: 2}},
			},
			"hints are no upgrades": {
				"http", one,
				func(t *testing.T, a string) { get(t, a, "/hints", 6) },
				map[string]work{"s1": {Done: 6}},
			},
			"queued": {
				"http", "  timeout queue 30s\n  server s1 %[1]s maxconn 1\n#%[2]s\n",
				func(t *testing.T, a string) { get(t, a, "/slow", 3) },
				map[string]work{"s1": {Done: 3}},
			},
			"refused for good": {
				"http", "  server s1 " + nobody + "\n#%[1]s %[2]s\n",
				func(t *testing.T, a string) { get(t, a, "/", 2) },
				map[string]work{"s1": {Done: 6, Failed: 6}}, // two retries each
			},
			"errors that are retried": {
				"http", "  retry-on 500\n  server s1 %[1]s\n#%[2]s\n",
				func(t *testing.T, a string) { get(t, a, "/500", 2) },
				map[string]work{"s1": {Done: 6, Failed: 6}},
			},
			"opaque streams": {
				"tcp", one,
				func(t *testing.T, a string) { get(t, a, "/", 3) },
				map[string]work{"s1": {Done: 3, Upgraded: 3}},
			},
			"refused streams": {
				"tcp", "  server s1 " + nobody + "\n#%[1]s %[2]s\n",
				func(t *testing.T, a string) { get(t, a, "/", 2) },
				map[string]work{"s1": {Done: 6, Failed: 6, Upgraded: 6}},
			},
		} {
			t.Run(name, func(t *testing.T) {
				in, w := front(t, binary, test.mode, test.backend)
				sum := tally{}
				for name, r := range w.poll(t) {
					if !math.IsNaN(r.RPS) || !math.IsNaN(r.EPS) || !math.IsNaN(r.Upgrades) {
						t.Errorf("the first report of %s has rates: %+v", name, r)
					}
				}
				test.drive(t, in.Addr(0))
				var got map[string]work
				until(t, eventually, func() error {
					sum.add(w.poll(t))
					got = map[string]work{}
					for name, done := range sum {
						got[name] = *done
					}
					if diff := cmp.Diff(test.want, got); diff != "" {
						return fmt.Errorf("(-want +got)\n%s", diff)
					}
					return nil
				})
			})
		}
	})
}

func TestClientsThatGoAwayAreNoFailure(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in, w := front(t, binary, "http", "  option abortonclose\n  server s1 %[1]s\n#%[2]s\n")
		w.poll(t)
		var clients []net.Conn
		for range 3 {
			c, err := net.Dial("tcp", in.Addr(0))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			if _, err := io.WriteString(c, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		sum := tally{}
		until(t, eventually, func() error {
			reports := w.poll(t)
			sum.add(reports)
			if n := reports["s1"].InFlight; n != 3 && sum["s1"].Done != 3 {
				return fmt.Errorf("%g in flight", n)
			}
			return nil
		})
		for _, c := range clients {
			_ = c.Close()
		}
		until(t, eventually, func() error {
			sum.add(w.poll(t))
			if got := *sum["s1"]; got != (work{Done: 3}) {
				return fmt.Errorf("got %+v", got)
			}
			return nil
		})
	})
}

func TestRefusedAndSentElsewhere(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in, w := front(t, binary, "http",
			"  balance roundrobin\n  option redispatch 1\n  server s1 127.0.0.1:1\n  server s2 %[1]s\n#%[2]s\n")
		w.poll(t)
		keepAlive(t, in.Addr(0), "/", 8)
		sum := tally{}
		until(t, eventually, func() error {
			sum.add(w.poll(t))
			// How many begin at the one that refuses depends on the version.
			refused, served := *sum["s1"], *sum["s2"]
			if served != (work{Done: 8}) || refused.Failed == 0 || refused.Done != refused.Failed {
				return fmt.Errorf("refused %+v, served %+v", refused, served)
			}
			return nil
		})
	})
}

func TestWebSocketsAreUpgrades(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in, w := front(t, binary, "http", "  server s1 %[1]s\n#%[2]s\n")
		sum := tally{}
		w.poll(t)
		get(t, in.Addr(0), "/hints", 5)
		var open []*websocket.Conn
		for range 4 {
			c, resp, err := websocket.Dial(t.Context(), "ws://"+in.Addr(0)+"/ws", nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body
			if err := c.Write(t.Context(), websocket.MessageText, []byte("hello")); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			open = append(open, c)
		}
		settled := func(want work, inFlight float64) {
			t.Helper()
			until(t, eventually, func() error {
				reports := w.poll(t)
				sum.add(reports)
				if got := *sum["s1"]; got != want || reports["s1"].InFlight != inFlight {
					return fmt.Errorf("got %+v with %g in flight, want %+v with %g", got, reports["s1"].InFlight, want, inFlight)
				}
				return nil
			})
		}
		settled(work{Done: 5, Upgraded: 4}, 4)
		for _, c := range open {
			_ = c.CloseNow()
		}
		settled(work{Done: 9, Upgraded: 4}, 0)
	})
}

func TestInFlightAndLatency(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		seen := make(chan struct{})
		address := serving(t, func(_ http.ResponseWriter, r *http.Request) {
			least := time.After(300 * time.Millisecond)
			select {
			case <-seen:
			case <-r.Context().Done():
			}
			<-least
		})
		in, w := front(t, binary, "http", "  server s1 "+address+"\n#%[1]s %[2]s\n")
		began := time.Now()
		done := make(chan struct{})
		go func() { defer close(done); get(t, in.Addr(0), "/", 3) }()
		until(t, eventually, func() error {
			if n := w.poll(t)["s1"].InFlight; n != 3 {
				return fmt.Errorf("%g in flight", n)
			}
			return nil
		})
		close(seen)
		<-done
		longest := time.Since(began).Seconds()
		until(t, eventually, func() error {
			r := w.poll(t)["s1"]
			if r.InFlight != 0 || r.Latency < 0.29 || r.Latency > longest {
				return fmt.Errorf("in flight %g, latency %g s", r.InFlight, r.Latency)
			}
			return nil
		})
	})
}

func TestCountersThatAreClearedStartOver(t *testing.T) {
	in, w := front(t, system(t), "http", "  server s1 %[1]s\n#%[2]s\n")
	get(t, in.Addr(0), "/", 20)
	w.poll(t)
	ask(t, in, "clear counters all")
	get(t, in.Addr(0), "/500", 3)
	if r := w.poll(t)["s1"]; !math.IsNaN(r.RPS) || !math.IsNaN(r.EPS) {
		t.Errorf("rates over a reset: %+v", r)
	}
	// A session may end a little after its client has the answer.
	until(t, eventually, func() error {
		if r := w.poll(t)["s1"]; r.InFlight != 0 || r.RPS != 0 {
			return fmt.Errorf("still busy: %+v", r)
		}
		return nil
	})
	get(t, in.Addr(0), "/", 5)
	sum := tally{}
	until(t, eventually, func() error {
		sum.add(w.poll(t))
		if got := *sum["s1"]; got != (work{Done: 5}) {
			return fmt.Errorf("got %+v", got)
		}
		return nil
	})
}
