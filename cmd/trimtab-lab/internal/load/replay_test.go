package load

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

func server(t *testing.T, cfg backend.Config) *backend.Backend {
	t.Helper()
	b, err := backend.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func replay(t *testing.T, opts Options, start time.Time) *Replay {
	t.Helper()
	r, err := Start(t.Context(), opts, start)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Stop)
	return r
}

func window(t *testing.T, r *Replay, from, to time.Duration) Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	got, err := r.Window(ctx, from, to)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestReplaysEveryArrivalOnce(t *testing.T) {
	b := server(t, backend.Config{Cores: 4})
	trace := drawn(t, Shape{Seed: 1, Rate: 200, MeanDemand: 5 * time.Millisecond, Length: time.Second})
	r := replay(t, Options{URL: "http://" + b.Addr() + "/", Trace: trace}, time.Now())
	<-r.Ended()

	got := window(t, r, 0, time.Second)
	if got.Requests != len(trace.Arrivals) || got.Errors.Total() != 0 {
		t.Errorf("%d requests, errors %+v; the trace has %d", got.Requests, got.Errors, len(trace.Arrivals))
	}
	var work time.Duration
	for _, a := range trace.Arrivals {
		work += a.Demand
	}
	if busy := b.Totals().BusySeconds; busy < work.Seconds()-1e-6 || busy > work.Seconds()+1e-6 {
		t.Errorf("the backend worked %v s, the trace has %v", busy, work)
	}
	if live := r.Live(); live.Ended != got.Requests || live.P99 < got.Latency.P99*99/100 || live.P99 > got.Latency.P99*101/100 {
		t.Errorf("live %+v, exact %+v", live, got.Latency)
	}
	r.Mark()
	if diff := cmp.Diff(Live{Ended: got.Requests}, r.Live()); diff != "" {
		t.Error(diff)
	}
	t.Log(Gate(got.SendLate, trace.MeanDemand))
}

// A generator that starts late owns up to it: lateness and latency count from
// the instants of the trace.
func TestLatencyCountsFromTheIntendedInstant(t *testing.T) {
	b := server(t, backend.Config{Cores: 4})
	trace := drawn(t, Shape{Seed: 1, Rate: 500, Length: 200 * time.Millisecond})
	const behind = 400 * time.Millisecond
	r := replay(t, Options{URL: "http://" + b.Addr() + "/", Trace: trace}, time.Now().Add(-behind))
	got := window(t, r, 0, 200*time.Millisecond)
	if got.SendLate.P50 < behind/2 || got.Latency.P50 < behind/2 {
		t.Errorf("sent %v late, latency %v, though it began %v late", got.SendLate.P50, got.Latency.P50, behind)
	}
	if Gate(got.SendLate, trace.MeanDemand).Valid() {
		t.Error("such a run counts")
	}
}

func TestErrorsByKind(t *testing.T) {
	trace := drawn(t, Shape{Seed: 1, Rate: 400, Length: 250 * time.Millisecond})
	all := len(trace.Arrivals)
	for name, test := range map[string]struct {
		faults backend.Faults
		opts   Options
		want   Errors
	}{
		"answers 500": {backend.Faults{FailShare: 1}, Options{}, Errors{Status: all}},
		"refuses":     {backend.Faults{Refuse: true}, Options{}, Errors{Broken: all}},
		"hangs":       {backend.Faults{Hang: true}, Options{Timeout: 10 * time.Millisecond}, Errors{Broken: all}},
	} {
		t.Run(name, func(t *testing.T) {
			b := server(t, backend.Config{Cores: 1})
			if err := b.SetFaults(t.Context(), test.faults); err != nil {
				t.Fatal(err)
			}
			opts := test.opts
			opts.URL, opts.Trace = "http://"+b.Addr(), trace
			got := window(t, replay(t, opts, time.Now()), 0, time.Second)
			if diff := cmp.Diff(test.want, got.Errors); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The one that may be open takes its time until all others are decided upon.
func TestWhatIsTooManyIsNotSent(t *testing.T) {
	trace := drawn(t, Shape{Seed: 1, Rate: 400, Length: 250 * time.Millisecond})
	all := len(trace.Arrivals)
	b := server(t, backend.Config{Cores: 1})
	if err := b.SetFaults(t.Context(), backend.Faults{Hang: true}); err != nil {
		t.Fatal(err)
	}
	r := replay(t, Options{URL: "http://" + b.Addr(), Trace: trace, MaxOpen: 1}, time.Now())
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for r.Live().Ended < all-1 {
		<-tick.C
	}
	if err := b.SetFaults(t.Context(), backend.Faults{Refuse: true}); err != nil {
		t.Fatal(err)
	}
	got := window(t, r, 0, time.Second)
	if diff := cmp.Diff(Errors{Broken: 1, NotSent: all - 1}, got.Errors); diff != "" {
		t.Error(diff)
	}
}

func TestStopEndsAReplayAtOnce(t *testing.T) {
	b := server(t, backend.Config{Cores: 1})
	if err := b.SetFaults(t.Context(), backend.Faults{Hang: true}); err != nil {
		t.Fatal(err)
	}
	trace := drawn(t, Shape{Seed: 1, Rate: 100, Length: 2 * time.Minute})
	r := replay(t, Options{URL: "http://" + b.Addr(), Trace: trace}, time.Now())
	r.Stop()
	if _, err := r.Window(t.Context(), 0, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("window of a stopped replay: %v", err)
	}
}

func TestStartRefusesWhatCannotWork(t *testing.T) {
	for _, opts := range []Options{{URL: "127.0.0.1:80"}, {URL: "ftp://x"}, {URL: "http://x", MaxOpen: 1 << 40}, {URL: "http://x", Others: []string{"x"}}, {URL: "http://x", Trace: Trace{Arrivals: []Arrival{{To: 1}}}}} {
		if r, err := Start(t.Context(), opts, time.Now()); err == nil {
			r.Stop()
			t.Errorf("%+v was started", opts)
		}
	}
}

// Requests go where they are to go, with the waits that they bring, and say how
// long they were there.
func TestReplaysToSeveralAddresses(t *testing.T) {
	a, b := server(t, backend.Config{Cores: 4}), server(t, backend.Config{Cores: 4})
	const wait = 20 * time.Millisecond
	trace := Trace{Arrivals: []Arrival{{}, {To: 1, Wait: wait}, {To: 1, Wait: wait}}}
	r := replay(t, Options{URL: "http://" + a.Addr(), Others: []string{"http://" + b.Addr()}, Trace: trace}, time.Now())
	<-r.Ended()
	if one, two := a.Totals().Served, b.Totals().Served; one != 1 || two != 2 {
		t.Errorf("%d and %d requests, want 1 and 2", one, two)
	}
	got := Final(0, time.Second, r)
	if got.Unfinished != 0 || got.Served.Max < wait || got.Latency.Max < got.Served.Max {
		t.Errorf("result %+v", got)
	}
}

func TestFinalCountsWhatIsNotAnswered(t *testing.T) {
	b := server(t, backend.Config{Cores: 1})
	trace := Trace{Arrivals: []Arrival{{}, {Demand: time.Hour}, {At: time.Hour}}}
	r := replay(t, Options{URL: "http://" + b.Addr(), Trace: trace}, time.Now())
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for r.Live().Ended < 1 || b.Totals().OpenRequests < 1 {
		<-tick.C
	}
	r.Stop()
	got := Final(0, 2*time.Hour, r)
	if got.Requests != 3 || got.Unfinished != 2 || got.Errors.Total() != 0 {
		t.Errorf("%d requests, %d unfinished, errors %+v, want 3, 2 and none", got.Requests, got.Unfinished, got.Errors)
	}
}
