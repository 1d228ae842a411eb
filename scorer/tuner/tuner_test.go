package tuner

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

type sourceFunc func(context.Context, chan<- scorer.Report) error

func (f sourceFunc) Run(ctx context.Context, out chan<- scorer.Report) error { return f(ctx, out) }

type discoverFunc func(context.Context, chan<- []scorer.Backend) error

func (f discoverFunc) Run(ctx context.Context, out chan<- []scorer.Backend) error { return f(ctx, out) }

type applyFunc func(context.Context, scorer.Plan) (scorer.InForce, error)

func (f applyFunc) Apply(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
	return f(ctx, p)
}

func newPool(t *testing.T) *scorer.Pool {
	t.Helper()
	p, err := scorer.New(scorer.Config{Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func backends(n int) []scorer.Backend {
	var out []scorer.Backend
	for i := range n {
		out = append(out, scorer.Backend{Name: fmt.Sprintf("s%d", i)})
	}
	return out
}

// proxyCounts reports a busy backend five times a second.
func proxyCounts(name string) sourceFunc {
	return func(ctx context.Context, out chan<- scorer.Report) error {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case now := <-ticker.C:
				r := scorer.NewReport(name, "haproxy:a", now)
				r.ByProxy, r.Interval, r.InFlight, r.RPS, r.EPS = true, 200*time.Millisecond, 4, 100, 0
				select {
				case out <- r:
				case <-ctx.Done():
					return nil
				}
			}
		}
	}
}

func follow(p scorer.Plan) scorer.InForce {
	f := scorer.InForce{Origin: "haproxy:a", Algorithm: scorer.LeastConnections, Pulses: true}
	for _, d := range p.Decisions {
		f.Shares = append(f.Shares, scorer.Share{Backend: d.Backend, Weight: d.Weight})
	}
	return f
}

// during runs a tuner for d of synthetic time and returns its last snapshot.
func during(t *testing.T, options Options, d time.Duration) *Snapshot {
	t.Helper()
	tuner := New(options)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { tuner.Run(ctx); close(done) }()
	timer := time.NewTimer(d)
	<-timer.C
	s := tuner.Snapshot()
	cancel()
	<-done
	return s
}

func TestStepsOnceATickAndApplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var applied atomic.Uint64
		s := during(t, Options{
			Pool: newPool(t), Backends: backends(2),
			Sources: []NamedSource{{"counts", proxyCounts("s0")}},
			Targets: []NamedTarget{{"haproxy:a", applyFunc(func(_ context.Context, p scorer.Plan) (scorer.InForce, error) {
				applied.Store(p.Seq)
				return follow(p), nil
			})}},
		}, 10500*time.Millisecond)
		if s.Plan.Seq != 10 || applied.Load() != 10 {
			t.Errorf("step %d, applied %d after 10.5 s, want 10", s.Plan.Seq, applied.Load())
		}
		if !s.Targets[0].InSync || s.Targets[0].AppliedSeq != 10 {
			t.Errorf("target %+v, want in sync with step 10", s.Targets[0])
		}
		if s.Reports == 0 || s.Plan.Decisions[0].State != scorer.StateReady {
			t.Errorf("%d reports, s0 is %v", s.Reports, s.Plan.Decisions[0].State)
		}
	})
}

func TestADeadTargetDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var healthy atomic.Uint64
		s := during(t, Options{
			Pool: newPool(t), Backends: backends(2),
			Targets: []NamedTarget{
				{"dead", applyFunc(func(ctx context.Context, _ scorer.Plan) (scorer.InForce, error) {
					<-ctx.Done()
					return scorer.InForce{}, fmt.Errorf("dead: %w", ctx.Err())
				})},
				{"healthy", applyFunc(func(_ context.Context, p scorer.Plan) (scorer.InForce, error) {
					healthy.Store(p.Seq)
					return follow(p), nil
				})},
			},
		}, 20500*time.Millisecond)
		// The first step waits for the dead target's word for three ticks at most.
		if s.Plan.Seq < 17 || healthy.Load() != s.Plan.Seq {
			t.Errorf("step %d, the healthy target has %d; want at least 17 and no lag", s.Plan.Seq, healthy.Load())
		}
		if dead := s.Targets[0]; dead.InSync || !strings.Contains(dead.LastError, "deadline exceeded") || dead.Failures == 0 {
			t.Errorf("dead target: %+v", dead)
		}
	})
}

func TestASlowTargetGetsTheNewestPlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []uint64
		during(t, Options{
			Pool: newPool(t), Backends: backends(1),
			Targets: []NamedTarget{{"slow", applyFunc(func(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
				seen = append(seen, p.Seq)
				if p.Seq > 0 {
					sleep(ctx, 2200*time.Millisecond)
				}
				return follow(p), nil
			})}},
		}, 12*time.Second)
		for i := 2; i < len(seen); i++ {
			if seen[i] < seen[i-1]+2 {
				t.Fatalf("plans %v: a target that takes 2.2 s was given a backlog", seen)
			}
		}
		if len(seen) < 4 {
			t.Fatalf("plans %v", seen)
		}
	})
}

func TestAStoppedSourceIsStartedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var starts atomic.Int64
		s := during(t, Options{
			Pool: newPool(t), Backends: backends(1),
			Sources: []NamedSource{
				{"flaky", sourceFunc(func(context.Context, chan<- scorer.Report) error {
					starts.Add(1)
					return errors.New("load http://10.0.0.1/load: no such host")
				})},
				{"counts", proxyCounts("s0")},
			},
		}, 20500*time.Millisecond)
		// After 1, 2, 4 and 8 s: five starts in 20 s.
		if starts.Load() != 5 {
			t.Errorf("%d starts in 20 s, want 5", starts.Load())
		}
		if flaky := s.Sources[0]; !strings.Contains(flaky.LastError, "no such host") || flaky.Restarts != 5 {
			t.Errorf("status %+v", flaky)
		}
		if s.Plan.Decisions[0].State != scorer.StateReady {
			t.Errorf("the healthy source was lost: %+v", s.Plan.Decisions[0])
		}
	})
}

func TestDiscoveryDecidesTheMembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := during(t, Options{
			Pool: newPool(t),
			Discoverers: []NamedDiscoverer{{"haproxy:a", discoverFunc(func(ctx context.Context, out chan<- []scorer.Backend) error {
				sleep(ctx, 2500*time.Millisecond)
				out <- backends(2)
				sleep(ctx, 3*time.Second)
				out <- backends(3)
				<-ctx.Done()
				return nil
			})}},
		}, 8500*time.Millisecond)
		if len(s.Plan.Decisions) != 3 {
			t.Fatalf("%d decisions, want 3", len(s.Plan.Decisions))
		}
		if s.Plan.Seq != 6 {
			t.Errorf("step %d: an empty pool has nothing to step", s.Plan.Seq)
		}
		// The two of the first list were there before; the third one joined.
		if a, b := s.Plan.Decisions[0].Weight, s.Plan.Decisions[2].Weight; b >= a {
			t.Errorf("weights %v and %v: the newcomer needs a slow start, the first ones none", a, b)
		}
	})
}

func TestStartsFromWhatIsInForce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first scorer.Plan
		during(t, Options{
			Pool: newPool(t), Backends: backends(2),
			Targets: []NamedTarget{{"haproxy:a", applyFunc(func(_ context.Context, p scorer.Plan) (scorer.InForce, error) {
				if p.Seq == 0 {
					if p.Mode != scorer.DryRun {
						t.Error("the target was asked what it has with a plan that changes things")
					}
					return scorer.InForce{Origin: "haproxy:a", Shares: []scorer.Share{{Backend: "s0", Weight: 150}, {Backend: "s1", Weight: 50}}}, nil
				}
				if p.Seq == 1 {
					first = p
				}
				return follow(p), nil
			})}},
		}, 2500*time.Millisecond)
		if len(first.Decisions) == 0 || first.Decisions[0].Weight < 1 {
			t.Errorf("first plan %+v: jumped from 150:50", first.Decisions)
		}
	})
}

func TestReportsOfStrangersAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := during(t, Options{
			Pool: newPool(t), Backends: backends(1),
			Sources: []NamedSource{{"counts", proxyCounts("nobody")}},
		}, 3500*time.Millisecond)
		if s.Unmatched == 0 || s.Unmatched != s.Reports {
			t.Errorf("%d of %d reports unmatched", s.Unmatched, s.Reports)
		}
	})
}
