package haproxy

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// randomRow continues a server's counters, or starts them again.
func randomRow(t *rapid.T, r row) row {
	if rapid.IntRange(0, 9).Draw(t, "restart") == 0 {
		r = row{rowText: r.rowText}
	}
	some := func(name string) int64 { return rapid.Int64Range(0, 20).Draw(t, name) }
	r.sessions = some("open")
	r.queued = some("queued")
	r.total = max(r.total+some("started"), r.sessions)
	for i := range r.responses {
		n := some("responses")
		r.responses[i] += n
		r.requests += n
	}
	for _, c := range []*int64{&r.connectErrors, &r.responseErrors, &r.retries, &r.redispatches, &r.serverAborts, &r.clientAborts} {
		*c += some("errors")
	}
	r.responseTime, r.totalTime = some("response time"), some("total time")
	return r
}

// Whatever HAProxy counts, rates are never negative and failures never more
// than what was done.
func TestReportsOfAnyCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history
		r := row{rowText: rowText{mode: rapid.SampledFrom([]string{"http", "tcp"}).Draw(t, "mode")}}
		at := time.Unix(1_700_000_000, 0)
		for poll := range 20 {
			r = randomRow(t, r)
			at = at.Add(time.Duration(rapid.IntRange(0, 1000).Draw(t, "pause")) * time.Millisecond)
			got := h.report("s1", "haproxy:test", countsOf(&r, at), inheritance{})
			if got.InFlight < 0 || got.Latency < 0 {
				t.Fatalf("report %+v", got)
			}
			if math.IsNaN(got.RPS) {
				if got.Interval != 0 {
					t.Fatalf("no rate over %v", got.Interval)
				}
				continue
			}
			if poll == 0 {
				t.Fatal("the first poll has a rate")
			}
			if got.RPS < 0 || got.EPS < 0 || got.Upgrades < 0 || got.EPS > got.RPS || math.IsInf(got.RPS, 0) {
				t.Fatalf("report %+v", got)
			}
		}
	})
}

// The work of a while is the same however often it is looked at.
func TestRatesAddUp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var often, seldom history
		r := row{rowText: rowText{mode: "http"}}
		at := time.Unix(1_700_000_000, 0)
		often.report("s", "o", countsOf(&r, at), inheritance{})
		seldom.report("s", "o", countsOf(&r, at), inheritance{})
		sum := 0.0
		for range 10 {
			r.total += rapid.Int64Range(0, 50).Draw(t, "done")
			at = at.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "pause")) * time.Millisecond)
			got := often.report("s", "o", countsOf(&r, at), inheritance{})
			sum += got.RPS * got.Interval.Seconds()
		}
		whole := seldom.report("s", "o", countsOf(&r, at), inheritance{})
		if want := whole.RPS * whole.Interval.Seconds(); math.Abs(sum-want) > 1e-6 {
			t.Fatalf("%g done in parts, %g in all", sum, want)
		}
	})
}

// A poll may come between the beginning of a response, when it is counted, and its end,
// when its work is.
func TestAFailureIsCountedWithItsWork(t *testing.T) {
	var h history
	at := time.Unix(1_700_000_000, 0)
	rates := func(open, started, errors int64) (done, failed float64) {
		at = at.Add(time.Second)
		r := row{rowText: rowText{mode: "http"}, sessions: open, total: started, requests: started}
		r.responses[4] = errors
		got := h.report("s1", "haproxy:test", countsOf(&r, at), inheritance{})
		return got.RPS, got.EPS
	}
	rates(0, 0, 0)
	for _, step := range []struct {
		open, started, errors int64
		done, failed          float64
	}{
		{2, 3, 3, 1, 1},
		{2, 3, 3, 0, 0},
		{0, 3, 3, 2, 2},
		{0, 5, 3, 2, 0},
		{0, 6, 5, 1, 1}, // a count too many, and nothing open that it could be of
		{0, 7, 5, 1, 0},
	} {
		if done, failed := rates(step.open, step.started, step.errors); done != step.done || failed != step.failed {
			t.Errorf("%+v: %v done, %v failed", step, done, failed)
		}
	}
}
