package compile

import (
	"context"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/scorer"
)

// connectionsFile reads a scenario of long-lived connections, with some text replaced.
func connectionsFile(t *testing.T, name string, changes ...string) scenario.File {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "scenarios-connections", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed(t, strings.NewReplacer(changes...).Replace(string(text)))
}

// watched is a run, second by second.
type watched struct {
	simulate.Result
	scenario simulate.Scenario
	// opened and closed are of each backend: what came, and what was closed by order.
	opened, closed [][]int
	plans          []scorer.Plan
}

// recorder is a controller that is watched.
type recorder struct {
	simulate.Controller
	run *watched
}

func (r recorder) ObserveProxy(now time.Duration, proxy int, in []simulate.Sample) {
	if o, ok := r.Controller.(simulate.ProxyObserver); ok {
		o.ObserveProxy(now, proxy, in)
	}
}

func (r recorder) Step(now time.Duration, in []simulate.Sample) simulate.Steering {
	var opened, closed []int
	for _, s := range in {
		opened, closed = append(opened, s.Upgrades), append(closed, s.Closed)
	}
	r.run.opened, r.run.closed = append(r.run.opened, opened), append(r.run.closed, closed)
	return r.Controller.Step(now, in)
}

// watch runs a scenario under trimtab.
func watch(t *testing.T, f scenario.File, seed uint64) *watched {
	t.Helper()
	out := &watched{scenario: Scenario(f)}
	p := simulate.Trimtab()
	p.Watch = func(_ time.Duration, plan scorer.Plan, _ scorer.Rounded) { out.plans = append(out.plans, plan) }
	inner := p.Policy()
	policy := simulate.Policy{Name: inner.Name, New: func(s simulate.Setup) (simulate.Controller, error) {
		c, err := inner.New(s)
		return recorder{c, out}, err
	}}
	verdicts, err := simulate.Play(context.Background(), []simulate.Match{{
		Scenario: out.scenario, Proxy: Proxy(f.Proxy), Seeds: []uint64{seed}, Policies: []simulate.Policy{policy}, Record: 1,
	}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	out.Result = verdicts[0][0].Results[0]
	return out
}

// evened is how an imbalance was mended: after how long the score's and load's
// max/mean were at most 1.05 for good, forever for never.
type evened struct{ score, load time.Duration }

const forever = time.Duration(math.MaxInt64)

// evened judges connections and the 10 s mean of utilization of equal backends.
func (w *watched) evened(from time.Duration) evened {
	out := evened{forever, forever}
	n := len(w.Series.Backends)
	load, counts, score := make([]float64, n), make([]float64, n), make([]float64, n)
	for at := range w.Series.Backends[0].InFlight {
		for i, b := range w.Series.Backends {
			load[i] += (b.Utilization[at] - load[i]) / min(float64(at+1), 10)
			counts[i] = b.InFlight[at]
		}
		for i := range score {
			score[i] = counts[i]/meanOf(counts) + load[i]/meanOf(load)
		}
		if now := time.Duration(at+1) * time.Second; now >= from {
			out.score = since(out.score, score, now-from)
			out.load = since(out.load, load, now-from)
		}
	}
	return out
}

func since(before time.Duration, values []float64, now time.Duration) time.Duration {
	if slices.Max(values) > 1.05*meanOf(values) {
		return forever
	}
	return min(before, now)
}

func meanOf(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

func medianTime(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// closedOver is how many were closed over the least that it takes.
func (w *watched) closedOver(least float64) float64 { return float64(w.Shed) / least }

func TestJoin(t *testing.T) {
	const least = 1500 - 3*1.05*375
	const leastconn = "{kind: haproxy, balance: leastconn}"
	for _, test := range []struct {
		name, proxy string
		most        float64
		even        time.Duration
	}{
		{"join", leastconn, 1.10, time.Minute},
		{"join-two", leastconn, 1.25, 90 * time.Second},
		{"join", "{kind: envoy}", 1.25, time.Minute},
		{"join", "{kind: haproxy, balance: random(2)}", 1.25, time.Minute},
		{"join", "{kind: haproxy, balance: roundrobin}", 1.5, 90 * time.Second},
	} {
		t.Run(test.name+" "+test.proxy, func(t *testing.T) {
			for seed := range uint64(2) {
				w := watch(t, connectionsFile(t, test.name, leastconn, test.proxy), seed+1)
				after := w.evened(90 * time.Second)
				t.Logf("seed %d: closed %d, %.3f of the least; score even after %v", seed+1, w.Shed, w.closedOver(least), after.score)
				if w.closedOver(least) > test.most || after.score > test.even {
					t.Errorf("seed %d: closed %.3f of the least, want at most %.2f; even after %v, want %v", seed+1, w.closedOver(least), test.most, after.score, test.even)
				}
				if w.Lost+w.Refused+w.ClientsLost > 0 {
					t.Errorf("seed %d: lost %d, refused %d, clients lost %d", seed+1, w.Lost, w.Refused, w.ClientsLost)
				}
				if math.Abs(w.Held.Least-least) > 0.02*least {
					t.Errorf("seed %d: the least is %.1f, want %.1f", seed+1, w.Held.Least, least)
				}
			}
		})
	}
}

// The connection that pins a core leaves room for 600 where the others have 1,100.
func TestPinnedCPU(t *testing.T) {
	const least = 1000 - 1.05*600
	var after []time.Duration
	for seed := range uint64(3) {
		w := watch(t, connectionsFile(t, "pinned-cpu"), seed+1)
		even := w.evened(90 * time.Second)
		after = append(after, even.load)
		t.Logf("seed %d: closed %d, %.3f of the least; load even after %v", seed+1, w.Shed, w.closedOver(least), even.load)
		if w.closedOver(least) > 1.15 {
			t.Errorf("seed %d: closed %.3f of the least, want at most 1.15", seed+1, w.closedOver(least))
		}
		if math.Abs(w.Held.Least-least) > 0.05*least {
			t.Errorf("seed %d: the least is %.1f, want %.1f", seed+1, w.Held.Least, least)
		}
	}
	if median := medianTime(after); median > time.Minute {
		t.Errorf("load is even after %v, want a minute at most", median)
	}
}

// arrivals is each backend's part of the connections that came from a second on.
func (w *watched) arrivals(from int) []float64 {
	out := make([]float64, len(w.opened[0]))
	total := 0.0
	for _, second := range w.opened[from:] {
		for i, n := range second {
			out[i] += float64(n)
			total += float64(n)
		}
	}
	for i := range out {
		out[i] /= total
	}
	return out
}

// busiest is the backend that the dear connection is on.
func (w *watched) busiest() int {
	at, most := 0, 0.0
	for i, b := range w.Series.Backends {
		if u := meanOf(b.Utilization[len(b.Utilization)-30:]); u > most {
			at, most = i, u
		}
	}
	return at
}

func TestAPinnedServerGetsNextToNothing(t *testing.T) {
	for seed := range uint64(3) {
		w := watch(t, connectionsFile(t, "pinned-server"), seed+1)
		part := w.arrivals(90)[w.busiest()] * 5
		t.Logf("seed %d: %.3f of a fair share of what came; closed %d", seed+1, part, w.Shed)
		if part > 0.05 {
			t.Errorf("seed %d: it got %.3f of a fair share of what came, want 0.05 at most", seed+1, part)
		}
		if w.Shed > 0 {
			t.Errorf("seed %d: %d connections were closed for it", seed+1, w.Shed)
		}
	}
}

func TestArrivalsFollowTheGoal(t *testing.T) {
	f := connectionsFile(t, "pinned-cpu")
	f.Duration = 4 * time.Minute
	f.Traffic[0].WebSockets.Lifetime = &scenario.Lifetime{Exp: 2 * time.Minute}
	f.Traffic[1].WebSockets.ConnectAt = 30 * time.Second
	for seed := range uint64(1) {
		w := watch(t, f, seed+1)
		got := w.arrivals(180)[w.dearest()]
		t.Logf("seed %d: %.4f of what came, goal %.4f", seed+1, got, 600.0/5000)
		if got < 0.9*600/5000 || got > 1.1*600/5000 {
			t.Errorf("seed %d: it got %.4f of what came, its goal is %.4f", seed+1, got, 600.0/5000)
		}
	}
}

// dearest is the backend with the fewest connections at the end.
func (w *watched) dearest() int {
	at, least := 0, math.Inf(1)
	for i, b := range w.Series.Backends {
		if n := meanOf(b.InFlight[len(b.InFlight)-30:]); n < least {
			at, least = i, n
		}
	}
	return at
}

func TestRollingDeploy(t *testing.T) {
	for seed := range uint64(1) {
		w := watch(t, connectionsFile(t, "rolling-deploy"), seed+1)
		for i, began := range []int{80, 140, 200, 260} {
			even := w.Series.Backends[i].InFlight[began-1] / 30
			burst, empty := 0, -1
			for at := began; at < began+35; at++ {
				burst = max(burst, w.closed[at][i])
				if empty < 0 && w.Series.Backends[i].InFlight[at] == 0 {
					empty = at - began
				}
			}
			t.Logf("seed %d: %s with %.0f connections: empty after %d s, largest burst %.2f of the even rate",
				seed+1, w.scenario.Backends[i].Name, even*30, empty, float64(burst)/even)
			if empty < 0 || empty > 31 || float64(burst) > 2*even {
				t.Errorf("seed %d: empty after %d s, want 31 at most; burst %.2f, want 2 at most", seed+1, empty, float64(burst)/even)
			}
		}
		if w.Lost+w.Refused > 0 {
			t.Errorf("seed %d: lost %d, refused %d", seed+1, w.Lost, w.Refused)
		}
	}
}

func TestAFarmStaysEven(t *testing.T) {
	for _, name := range []string{"websocket-farm", "websocket-farm-five"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := connectionsFile(t, name)
			verdicts, err := simulate.Play(t.Context(), []simulate.Match{{
				Scenario: Scenario(f), Proxy: Proxy(f.Proxy), Seeds: []uint64{1},
				Policies: []simulate.Policy{simulate.Roundrobin(), simulate.Leastconn(), simulate.Trimtab().Policy()},
			}}, nil)
			if err != nil {
				t.Fatal(err)
			}
			of := func(k int) float64 { return verdicts[0][k].Results[0].ConnectionsMaxMean }
			t.Logf("max/mean of connections: round robin %.4f, leastconn %.4f, trimtab %.4f", of(0), of(1), of(2))
			if of(2) > 1.01 || of(2) > of(1)+0.005 {
				t.Errorf("max/mean of connections %.4f, of leastconn %.4f", of(2), of(1))
			}
		})
	}
}
