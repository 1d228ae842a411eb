package tuner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

// What a target has may be known before the members are: the first step starts
// from it all the same.
func TestWhatIsInForceOutlivesTheWaitForMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := discoverFunc(func(ctx context.Context, out chan<- []scorer.Backend) error {
			timer := time.NewTimer(1500 * time.Millisecond)
			select {
			case <-timer.C:
				out <- backends(2)
			case <-ctx.Done():
			}
			<-ctx.Done()
			return nil
		})
		s := during(t, Options{
			Pool:        newPool(t),
			Discoverers: []NamedDiscoverer{{"late", late}},
			Targets: []NamedTarget{{"haproxy:a", applyFunc(func(context.Context, scorer.Plan) (scorer.InForce, error) {
				return scorer.InForce{Origin: "haproxy:a", Shares: []scorer.Share{{Backend: "s0", Weight: 30}, {Backend: "s1", Weight: 10}}}, nil
			})}},
		}, 2100*time.Millisecond)
		if d := s.Plan.Decisions; len(d) != 2 || d[0].Weight != 1.5 || d[1].Weight != 0.5 {
			t.Errorf("decisions %+v, want them to start from 30 and 10", d)
		}
	})
}

func TestCommands(t *testing.T) {
	alice := scorer.Order{Who: "alice"}
	for _, test := range []struct {
		name    string
		command Command
		err     error
		says    string
	}{
		{"pin", Command{Verb: Pin, Backend: "s0", Weight: 2, Order: alice}, nil, ""},
		{"pin to nothing", Command{Verb: Pin, Backend: "s0"}, ErrInvalid, "drain takes a backend out"},
		{"pin to too much", Command{Verb: Pin, Backend: "s0", Weight: 1e9}, ErrInvalid, "at most 1000"},
		{"pin nobody", Command{Verb: Pin, Backend: "x", Weight: 1}, ErrNoBackend, "the pool has s0, s1"},
		{"unpin what is not", Command{Verb: Unpin, Backend: "s0"}, ErrRefused, "not pinned"},
		{"unpin one that has gone", Command{Verb: Unpin, Backend: "gone"}, nil, ""},
		{"drain", Command{Verb: Drain, Backend: "s0"}, ErrRefused, "no other backend takes work"},
		{"drain by force", Command{Verb: Drain, Backend: "s0", Force: true}, nil, ""},
		{"drain again", Command{Verb: Drain, Backend: "s1"}, nil, ""},
		{"undrain what is not", Command{Verb: Undrain, Backend: "s0"}, ErrRefused, "not drained"},
		{"freeze", Command{Verb: Freeze, Order: alice}, nil, ""},
		{"unfreeze", Command{Verb: Unfreeze}, ErrRefused, "not frozen"},
		{"dry-run", Command{Verb: SetDry, On: true}, nil, ""},
		{"nonsense", Command{Verb: "explode"}, ErrInvalid, `no verb "explode"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var mu sync.Mutex
				var told []Event
				tuner := New(Options{
					Name: "web", Pool: newPool(t), Backends: backends(2),
					Orders: scorer.Orders{
						Drains: map[string]scorer.Drain{"s1": {Order: alice}},
						Pins:   map[string]scorer.Pin{"gone": {Order: alice, Weight: 1}},
					},
					OnEvent: func(e Event) { mu.Lock(); told = append(told, e); mu.Unlock() },
				})
				ctx, cancel := context.WithCancel(t.Context())
				done := make(chan struct{})
				go func() { tuner.Run(ctx); close(done) }()
				synctest.Wait()
				before := tuner.Snapshot().Orders
				_, err := tuner.Command(ctx, test.command)
				synctest.Wait()
				after := tuner.Snapshot()
				if !errors.Is(err, test.err) || (err != nil && !strings.Contains(err.Error(), test.says)) {
					t.Errorf("error %v, want %v that says %q", err, test.err, test.says)
				}
				mu.Lock()
				orders := len(slices.DeleteFunc(slices.Clone(told), func(e Event) bool { return e.Kind != EventOrder }))
				mu.Unlock()
				if test.err != nil {
					if diff := cmp.Diff(before, after.Orders); diff != "" || orders != 0 {
						t.Errorf("a refused command has changed something, or told of it %d times:\n%s", orders, diff)
					}
				} else if orders != 1 || cmp.Equal(before, after.Orders) {
					t.Errorf("%d events, orders %+v: want to be told once", orders, after.Orders)
				}
				cancel()
				<-done
				if _, err := tuner.Command(t.Context(), test.command); !errors.Is(err, ErrRefused) {
					t.Errorf("after the end: %v", err)
				}
			})
		})
	}
}

func TestEventsAndMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Event
		var memories []scorer.Memory
		process, note := 1, ""
		var down atomic.Bool
		members := discoverFunc(func(ctx context.Context, out chan<- []scorer.Backend) error {
			for {
				list := backends(2)
				if down.Load() {
					list[1].Condition = scorer.Down
				}
				select {
				case out <- list:
				case <-ctx.Done():
					return nil
				}
				timer := time.NewTimer(500 * time.Millisecond)
				select {
				case <-timer.C:
				case <-ctx.Done():
					return nil
				}
			}
		})
		begun := time.Now()
		during(t, Options{
			Name: "web", Pool: newPool(t), Discoverers: []NamedDiscoverer{{"members", members}},
			Sources: []NamedSource{{"counts", proxyCounts("s0")}},
			Targets: []NamedTarget{{"haproxy:a", applyFunc(func(_ context.Context, p scorer.Plan) (scorer.InForce, error) {
				switch age := time.Since(begun); {
				case age > 17*time.Second:
					note = ""
				case age > 12*time.Second:
					process, note = 2, "set to 7 by someone else"
				case age > 5*time.Second:
					down.Store(true)
				}
				f := follow(p)
				f.Process = process
				for i := range f.Shares {
					if f.Shares[i].Backend == "s0" {
						f.Shares[i].Note = note
					}
				}
				return f, nil
			})}},
			OnEvent:  func(e Event) { told = append(told, e) },
			OnMemory: func(m scorer.Memory) { memories = append(memories, m) },
		}, 20500*time.Millisecond)
		var got []string
		for _, e := range told {
			if e.Pool != "web" || e.At.IsZero() {
				t.Errorf("event %+v", e)
			}
			got = append(got, strings.Join([]string{string(e.Kind), e.Backend, e.Target, e.Text}, "|"))
		}
		for _, want := range []string{
			"state|s1||unknown → down: down or in maintenance by the proxy's word; this is the weight it returns with",
			"proxy||haproxy:a|was restarted or reloaded; weights are set again",
			"note|s0|haproxy:a|set to 7 by someone else",
			"note|s0|haproxy:a|no longer: set to 7 by someone else",
		} {
			if n := len(slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s != want })); n != 1 {
				t.Errorf("%q was told %d times; all: %q", want, n, got)
			}
		}
		// After the change of state, every 10 s, and at the end.
		if n := len(memories); n < 3 || n > 6 {
			t.Errorf("%d memories", n)
		}
		if last := memories[len(memories)-1]; len(last.Backends) != 2 {
			t.Errorf("the last memory is %+v", last)
		}
	})
}
