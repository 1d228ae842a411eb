package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestSeveralStreamsOfRequests(t *testing.T) {
	s := short(time.Minute, 2, 0.3, pool(4, 4))
	alone := newTrace(&s, 1)
	s.Requests = []Requests{{Demand: constant(time.Millisecond), Rate: step(100, 30*time.Second, 300)}}
	both := newTrace(&s, 1)
	var small int
	last := 0.0
	var rest []request
	for _, r := range both {
		if r.at < last {
			t.Fatalf("a request at %v after one at %v", r.at, last)
		}
		last = r.at
		if r.work == 0.001 {
			small++
		} else {
			rest = append(rest, r)
		}
	}
	if math.Abs(float64(small)/(200*60)-1) > 0.03 {
		t.Errorf("%d requests of the second stream, want about %d", small, 200*60)
	}
	if diff := cmp.Diff(alone, rest, cmp.AllowUnexported(request{})); diff != "" {
		t.Errorf("the first stream has changed (-alone +with another):\n%s", diff)
	}
	s.Load = nil
	if got := len(newTrace(&s, 1)); math.Abs(float64(got)/(200*60)-1) > 0.03 {
		t.Errorf("%d requests of a stream alone", got)
	}
}
