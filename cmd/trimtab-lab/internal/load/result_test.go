package load

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestQuantilesAreExact(t *testing.T) {
	var all []time.Duration
	for i := 1000; i >= 1; i-- {
		all = append(all, time.Duration(i))
	}
	for _, test := range []struct {
		in   []time.Duration
		want Quantiles
	}{
		{nil, Quantiles{}},
		{[]time.Duration{5}, Quantiles{5, 5, 5, 5, 5}},
		{[]time.Duration{2, 1}, Quantiles{1, 2, 2, 2, 2}},
		{all, Quantiles{500, 900, 990, 999, 1000}},
	} {
		if diff := cmp.Diff(test.want, quantilesOf(test.in)); diff != "" {
			t.Error(diff)
		}
	}
}

func TestResultKeepsErrorsOutOfLatencies(t *testing.T) {
	got := resultOf([]outcome{
		{latency: 30, late: 1, served: 20, status: http.StatusOK},
		{latency: 1, late: 2, status: http.StatusInternalServerError},
		{latency: 1, late: 3, status: broken},
		{status: notSent},
		{status: pending},
		{late: 3, status: http.StatusServiceUnavailable},
		{status: cancelled},
		{latency: 50, late: 4, status: http.StatusNoContent},
	}, 2*time.Second)
	want := Result{
		Requests: 8, Errors: Errors{Status: 2, Broken: 1, NotSent: 1}, Rate: 1,
		Latency: Quantiles{30, 50, 50, 50, 50}, Mean: 40,
		Served:   Quantiles{20, 20, 20, 20, 20},
		Overhead: Quantiles{10, 10, 10, 10, 10}, Refused: 1, Unfinished: 2,
		SendLate: Quantiles{3, 4, 4, 4, 4},
	}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Result{}, "Histogram")); diff != "" {
		t.Error(diff)
	}
	if got.ErrorShare() != 0.5 || got.Histogram.TotalCount() != 2 {
		t.Errorf("error share %v, %d in the histogram", got.ErrorShare(), got.Histogram.TotalCount())
	}
}

func TestGate(t *testing.T) {
	for _, test := range []struct {
		p99, demand time.Duration
		valid       bool
	}{
		{5 * time.Millisecond, 20 * time.Millisecond, true},
		{5*time.Millisecond + 1, 20 * time.Millisecond, false},
		{12 * time.Millisecond, 50 * time.Millisecond, true},
		{500 * time.Microsecond, 0, true},
		{time.Millisecond, time.Millisecond, false},
	} {
		if got := Gate(Quantiles{P99: test.p99}, test.demand); got.Valid() != test.valid {
			t.Errorf("%v late at demands of %v: %v", test.p99, test.demand, got)
		}
	}
}
