package tuner

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// clients are connections that come back to the backend with the fewest, and hands
// that close them.
type clients struct {
	mu   sync.Mutex
	open map[string]int
	fail error
}

// Run implements Source: what a proxy would count.
func (c *clients) Run(ctx context.Context, out chan<- scorer.Report) error {
	ticker := time.NewTicker(200 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			for name, n := range c.counts() {
				r := scorer.NewReport(name, "test", now)
				r.ByProxy, r.Interval, r.InFlight = true, 200*time.Millisecond, float64(n)
				select {
				case <-ctx.Done():
					return nil
				case out <- r:
				}
			}
		}
	}
}

func (c *clients) counts() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.open)
}

// Shed implements Hands.
func (c *clients) Shed(_ context.Context, p scorer.Plan, _ time.Time) []ShedResult {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []ShedResult
	for _, d := range p.Decisions {
		if d.Shed.Count == 0 {
			continue
		}
		r := ShedResult{Closed: scorer.Closed{Backend: d.Backend, Seq: p.Seq, At: time.Now()}, Err: c.fail}
		if c.fail == nil {
			r.Count = min(d.Shed.Count, c.open[d.Backend])
			c.open[d.Backend] -= r.Count
			c.open["b"] += r.Count
		}
		out = append(out, r)
	}
	return out
}

// drainable is a running tuner of these clients; its events can be read once it has
// stopped. Edit may be nil.
func drainable(t *testing.T, c *clients, edit func(*Options)) (tuner *Tuner, events *[]Event, stop func()) {
	t.Helper()
	pool, err := scorer.New(scorer.Config{Name: "ws", Kind: scorer.KindConnections})
	if err != nil {
		t.Fatal(err)
	}
	events = new([]Event)
	tuner, stop = running(t, func(o *Options) {
		*o = Options{
			Name: "ws", Pool: pool, Hands: c, Sources: []NamedSource{{"test", c}},
			Backends: []scorer.Backend{{Name: "a", Capacity: 1}, {Name: "b", Capacity: 1}},
			OnEvent:  func(e Event) { *events = append(*events, e) },
		}
		if edit != nil {
			edit(o)
		}
	})
	return tuner, events, stop
}

// of are the events of a kind.
func of(events []Event, kind EventKind) []Event {
	return slices.DeleteFunc(slices.Clone(events), func(e Event) bool { return e.Kind != kind })
}

func TestADrainIsCarriedOutByTheHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clients{open: map[string]int{"a": 50, "b": 50}, fail: errors.New("wrong token")}
		tuner, events, stop := drainable(t, c, nil)
		wait(5 * time.Second)
		order := scorer.Order{Who: "alice", At: time.Now()}
		for name, bad := range map[string]Command{
			"all at once":  {Verb: Drain, Backends: []string{"a", "b"}, Order: order},
			"an unknown":   {Verb: Drain, Backends: []string{"a", "c"}, Order: order},
			"over for all": {Verb: Drain, Backend: "a", Over: 2 * MaxDrain, Order: order},
		} {
			if orders, err := tuner.Command(t.Context(), bad); err == nil || len(orders.Drains) > 0 {
				t.Errorf("%s: %+v, %v", name, orders, err)
			}
		}
		if got := len(tuner.Snapshot().Orders.Drains); got != 0 {
			t.Errorf("%d drains after refusals", got)
		}
		if _, err := tuner.Command(t.Context(), Command{Verb: Drain, Backend: "a", Over: 10 * time.Second, Order: order}); err != nil {
			t.Fatal(err)
		}
		wait(3 * time.Second)
		if s := tuner.Snapshot().Shed["a"]; s.LastError != "wrong token" || s.Failures == 0 || s.Closed != 0 {
			t.Errorf("while the hands fail: %+v", s)
		}
		c.mu.Lock()
		c.fail = nil
		c.mu.Unlock()
		wait(30 * time.Second)
		s := tuner.Snapshot()
		if s.Shed["a"].Closed != 50 || s.Shed["a"].LastError != "" || c.counts()["a"] != 0 {
			t.Errorf("at the end: %+v, %v open", s.Shed["a"], c.counts())
		}
		if d := s.Plan.Decisions[0].Drain; d == nil || !d.Done || d.First != 50 {
			t.Errorf("progress %+v", d)
		}
		stop()
		if len(of(*events, EventDrain)) != 1 || len(of(*events, EventShed)) != 2 {
			t.Errorf("events %+v", *events)
		}
	})
}

// Connections that nobody could close may leave by themselves: then nothing is wrong.
func TestAFailureIsOverWhenAllHaveLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clients{open: map[string]int{"a": 50, "b": 50}, fail: errors.New("no answer")}
		tuner, _, stop := drainable(t, c, nil)
		wait(5 * time.Second)
		if _, err := tuner.Command(t.Context(), Command{Verb: Drain, Backend: "a", Over: 10 * time.Second, Order: scorer.Order{At: time.Now()}}); err != nil {
			t.Fatal(err)
		}
		wait(5 * time.Second)
		c.mu.Lock()
		c.open["a"] = 0
		c.mu.Unlock()
		failing := tuner.Snapshot()
		wait(10 * time.Second)
		s := tuner.Snapshot()
		if was := failing.Shed["a"]; was.LastError != "no answer" || was.Failures == 0 {
			t.Errorf("while they are open: %+v", was)
		}
		if now := s.Shed["a"]; now.LastError != "" || now.Failures == 0 || !s.Plan.Decisions[0].Drain.Done {
			t.Errorf("when they have left: %+v, %+v", now, s.Plan.Decisions[0].Drain)
		}
		stop()
	})
}

// An order to rebalance ends by itself, and whoever keeps orders is told.
func TestRebalanceEndsByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clients{open: map[string]int{"a": 140, "b": 60}}
		var kept []scorer.Orders
		tuner, _, stop := drainable(t, c, func(o *Options) {
			o.OnOrders = func(orders scorer.Orders) { kept = append(kept, orders) }
		})
		wait(20 * time.Second)
		if n := c.counts()["a"]; n != 140 {
			t.Errorf("%d open without an order", n)
		}
		estimate, err := tuner.EstimateShed(t.Context())
		if err != nil || estimate.Count < 30 || len(estimate.From) != 1 || estimate.From[0].Backend != "a" {
			t.Errorf("estimate %+v, %v", estimate, err)
		}
		if _, err := tuner.Command(t.Context(), Command{Verb: Rebalance, Order: scorer.Order{Who: "alice", At: time.Now()}}); err != nil {
			t.Fatal(err)
		}
		wait(2 * time.Minute)
		if n := c.counts()["a"]; n < 100 || n > 108 {
			t.Errorf("%d of 200 are left at a", n)
		}
		if tuner.Snapshot().Orders.Rebalance != nil {
			t.Error("the order stands")
		}
		stop()
		if len(kept) != 2 || kept[0].Rebalance == nil || kept[1].Rebalance != nil {
			t.Errorf("kept %+v", kept)
		}
		if _, err := tuner.EstimateShed(t.Context()); !errors.Is(err, ErrRefused) {
			t.Errorf("an estimate after the end: %v", err)
		}
	})
}

// Requests end by themselves: an order to move them is refused, and one from before is
// taken back.
func TestRebalanceOfRequestsIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool, err := scorer.New(scorer.Config{Name: "web", Kind: scorer.KindRequests})
		if err != nil {
			t.Fatal(err)
		}
		order := scorer.Order{Who: "alice", At: time.Now()}
		var events []Event
		tuner, stop := running(t, func(o *Options) {
			*o = Options{
				Name: "web", Pool: pool, Backends: backends(2), Orders: scorer.Orders{Rebalance: &order},
				OnEvent: func(e Event) { events = append(events, e) },
			}
		})
		wait(3 * time.Second)
		if tuner.Snapshot().Orders.Rebalance != nil {
			t.Error("the order stands")
		}
		_, err = tuner.Command(t.Context(), Command{Verb: Rebalance, Order: order})
		if !errors.Is(err, ErrRefused) || !errors.Is(err, scorer.ErrNothingToMove) {
			t.Errorf("error %v", err)
		}
		stop()
		if told := of(events, EventShed); len(told) != 1 || !strings.Contains(told[0].Text, "not carried out") {
			t.Errorf("events %+v", events)
		}
	})
}

// Where requests that stick to a backend still come and go, it is told once that it is
// empty.
func TestADrainIsToldToBeOverOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clients{open: map[string]int{"a": 0, "b": 50}}
		tuner, events, stop := drainable(t, c, nil)
		wait(3 * time.Second)
		for range 2 {
			if _, err := tuner.Command(t.Context(), Command{Verb: Drain, Backend: "a", Order: scorer.Order{At: time.Now()}}); err != nil {
				t.Fatal(err)
			}
			for i := range 24 {
				c.mu.Lock()
				c.open["a"] = i / 6 % 2
				c.mu.Unlock()
				wait(time.Second)
			}
			if _, err := tuner.Command(t.Context(), Command{Verb: Undrain, Backend: "a"}); err != nil {
				t.Fatal(err)
			}
			wait(2 * time.Second)
		}
		stop()
		if told := len(of(*events, EventDrain)); told != 2 {
			t.Errorf("told %d times of two drains: %+v", told, *events)
		}
	})
}

// wait lets a time pass in a bubble.
func wait(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}
