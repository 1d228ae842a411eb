package tuner

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/scorer"
)

// running is a tuner of two backends that runs until the test ends.
func running(t *testing.T, edit func(*Options)) (tuner *Tuner, stop func()) {
	t.Helper()
	options := Options{
		Pool: newPool(t), Backends: backends(2),
		Sources: []NamedSource{{"counts", proxyCounts("s0")}, {"more", proxyCounts("s1")}},
		Targets: []NamedTarget{{"haproxy:a", applyFunc(func(_ context.Context, p scorer.Plan) (scorer.InForce, error) {
			return follow(p), nil
		})}},
	}
	if edit != nil {
		edit(&options)
	}
	tuner = New(options)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { tuner.Run(ctx); close(done) }()
	return tuner, func() { cancel(); <-done }
}

func record(t *testing.T, tuner *Tuner) *Recording {
	t.Helper()
	r, err := tuner.Record(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func pass(d time.Duration) { <-time.After(d) }

// again has a new pool take what was recorded.
func again(t *testing.T, r *Recording) (recorded, replayed []scorer.Plan) {
	t.Helper()
	pool := newPool(t)
	if r.Beginning.Memory != nil {
		pool.Recall(*r.Beginning.Memory, r.Beginning.Recalled)
	}
	for e := range r.Entries {
		switch {
		case e.Report != nil:
			pool.Observe(*e.Report)
		case e.Backends != nil:
			pool.SetBackends(e.Backends)
		case e.Applied != nil:
			pool.Applied(e.Applied.Target, e.Applied.InForce)
		case e.Probed != nil:
			pool.Probed(e.At, e.Probed.Backend, e.Probed.OK)
		case e.Orders != nil:
			pool.SetOrders(*e.Orders)
		case e.Plan != nil:
			recorded = append(recorded, *e.Plan)
			replayed = append(replayed, pool.Step(e.At))
		default:
			t.Errorf("an entry of nothing: %+v", e)
		}
	}
	return recorded, replayed
}

// hurts makes s1 fail for a while, so that it is ejected and probed.
func hurts(began time.Time) sourceFunc {
	return func(ctx context.Context, out chan<- scorer.Report) error {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return nil
			case now := <-ticker.C:
				r := scorer.NewReport("s1", "haproxy:a", now)
				r.ByProxy, r.Interval, r.InFlight, r.RPS, r.EPS = true, 200*time.Millisecond, 8, 100, 0
				if now.Sub(began) > 5*time.Second && now.Sub(began) < 15*time.Second {
					r.EPS = 90
				}
				select {
				case out <- r:
				case <-ctx.Done():
					return nil
				}
			}
		}
	}
}

func TestARecordingFromTheStartGivesTheSamePlans(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var probes int
		tuner, stop := running(t, func(o *Options) {
			o.Memory = &scorer.Memory{At: time.Now().Add(-time.Minute), Backends: map[string]scorer.Remembered{
				"s0": {Weight: 1.2, Log: 0.2, Deviation: 0.1},
			}}
			o.Backends = backends(4)
			o.Sources[1].Source = hurts(time.Now())
			o.Targets[0].Target = applyFunc(func(_ context.Context, p scorer.Plan) (scorer.InForce, error) {
				f := follow(p)
				f.Pulses = false
				return f, nil
			})
			o.Prober = proberFunc(func(context.Context, scorer.Backend) error {
				if probes++; probes == 1 {
					return errors.New("not yet")
				}
				return nil
			})
		})
		r := record(t, tuner)
		if !r.Beginning.FromStart {
			t.Error("it does not know that it began with the pool")
		}
		pass(20 * time.Second)
		if _, err := tuner.Command(t.Context(), Command{Verb: Pin, Backend: "s0", Weight: 2}); err != nil {
			t.Fatal(err)
		}
		pass(10500 * time.Millisecond)
		stop()
		recorded, replayed := again(t, r)
		if len(recorded) != 30 || probes == 0 {
			t.Errorf("%d plans, %d probes", len(recorded), probes)
		}
		if diff := cmp.Diff(recorded, replayed, cmpopts.EquateNaNs()); diff != "" {
			t.Error(diff)
		}
	})
}

type proberFunc func(context.Context, scorer.Backend) error

func (f proberFunc) Probe(ctx context.Context, b scorer.Backend) error { return f(ctx, b) }

func TestARecordingOfARunningPoolBeginsAtATick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tuner, stop := running(t, nil)
		defer stop()
		pass(5300 * time.Millisecond)
		asked := time.Now()
		r := record(t, tuner)
		if waited := time.Since(asked); waited != 700*time.Millisecond {
			t.Errorf("waited %v, want the next tick", waited)
		}
		if r.Beginning.FromStart || len(r.Beginning.Memory.Backends) != 2 {
			t.Errorf("beginning %+v, want the memory of a pool that runs", r.Beginning)
		}
		pass(3500 * time.Millisecond)
		r.Close()
		r.Close() // the second does nothing
		recorded, replayed := again(t, r)
		if len(recorded) != 3 || r.Lost() != 0 {
			t.Fatalf("%d plans, %d lost", len(recorded), r.Lost())
		}
		for i := range recorded {
			for k, d := range recorded[i].Decisions {
				if got := replayed[i].Decisions[k].Weight; math.Abs(got-d.Weight) > 0.05 {
					t.Errorf("%s: %v again, was %v", d.Backend, got, d.Weight)
				}
			}
		}
	})
}

func TestWhoDoesNotReadLosesAndDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tuner, stop := running(t, nil)
		r := record(t, tuner)
		pass(45*time.Minute + 500*time.Millisecond) // about 10 reports, a plan and what is in force a second
		if s := tuner.Snapshot(); s.Plan.Seq != 2700 {
			t.Errorf("step %d after 45 minutes", s.Plan.Seq)
		}
		// Some room: the loss is said where it happened.
		for range 100 {
			<-r.Entries
		}
		pass(time.Second)
		stop()
		var taken, said uint64
		for e := range r.Entries {
			taken++
			if e.Lost > 0 {
				taken--
				said += e.Lost
			}
		}
		if taken < recordBuffer-200 || taken > recordBuffer {
			t.Errorf("%d entries, want about %d", taken, recordBuffer)
		}
		if said < 10000 || r.Lost() != 0 {
			t.Errorf("%d said to be lost, and %d at the end", said, r.Lost())
		}
	})
}

func TestRecordingsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tuner, stop := running(t, nil)
		var all []*Recording
		for range maxRecordings {
			all = append(all, record(t, tuner))
		}
		if _, err := tuner.Record(t.Context()); !errors.Is(err, ErrRefused) {
			t.Errorf("one too many: %v", err)
		}
		all[0].Close()
		again := record(t, tuner)
		ctx, cancel := context.WithCancel(t.Context())
		pass(2500 * time.Millisecond)
		again.Close()
		time.AfterFunc(100*time.Millisecond, cancel)
		if _, err := tuner.Record(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled while it waits: %v", err)
		}
		again = record(t, tuner) // nothing is left of the one before
		stop()
		for range again.Entries { // is closed
		}
		if _, err := tuner.Record(t.Context()); !errors.Is(err, ErrRefused) {
			t.Errorf("of a tuner that has ended: %v", err)
		}
		again.Close()
	})
}

// Recording is free for those who do not record.
func TestNobodyRecordingCostsNothing(t *testing.T) {
	m := newModel(&Options{Pool: newPool(t)})
	m.setBackends(backends(1))
	r := scorer.NewReport("s0", "haproxy:a", time.Now())
	m.observe(r)
	if allocated := testing.AllocsPerRun(1000, func() { m.observe(r) }); allocated > 0 {
		t.Errorf("%v allocations a report", allocated)
	}
}

// What a report costs the pool's owner while nobody records, and with as many who
// record as there may be, none of whom reads in time.
func BenchmarkObserve(b *testing.B) {
	for name, recordings := range map[string]int{"alone": 0, "recorded": maxRecordings} {
		b.Run(name, func(b *testing.B) {
			pool, err := scorer.New(scorer.Config{Name: "web"})
			if err != nil {
				b.Fatal(err)
			}
			m := newModel(&Options{Pool: pool})
			m.setBackends(backends(1))
			for range recordings {
				m.begin(&tap{entries: make(chan Entry, recordBuffer), begun: make(chan Beginning, 1)})
			}
			r := scorer.NewReport("s0", "haproxy:a", time.Now())
			b.ReportAllocs()
			for b.Loop() {
				m.observe(r)
			}
		})
	}
}
