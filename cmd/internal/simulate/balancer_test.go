package simulate

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

func proxy(t *testing.T, a scorer.Algorithm, weights ...int32) (balancer, []int32) {
	t.Helper()
	v := view{weights: weights, inFlight: make([]int32, len(weights)), random: stream(1, 1)}
	b := newBalancer(Proxy{Algorithm: a}.withDefaults(), v)
	b.weigh()
	return b, v.inFlight
}

// fill makes n picks that stay in flight, or end at once.
func fill(b balancer, inFlight []int32, n int, stay bool) []int {
	picked := make([]int, len(inFlight))
	for range n {
		i := b.pick()
		picked[i]++
		if stay {
			inFlight[i]++
			b.changed(i)
		}
	}
	return picked
}

func TestLeastConnectionsFillsByWeight(t *testing.T) {
	b, inFlight := proxy(t, scorer.LeastConnections, 256, 128, 64)
	got := fill(b, inFlight, 70, true)
	if diff := cmp.Diff([]int{40, 20, 10}, got); diff != "" {
		t.Errorf("in flight (-want +got):\n%s", diff)
	}
}

func TestLeastConnectionsTakesIdleFirst(t *testing.T) {
	b, inFlight := proxy(t, scorer.LeastConnections, 256, 1, 256)
	var order []int
	for range 3 {
		i := b.pick()
		order = append(order, i)
		inFlight[i]++
		b.changed(i)
	}
	if diff := cmp.Diff([]int{0, 1, 2}, order); diff != "" {
		t.Errorf("picks among idle servers, whatever their weight (-want +got):\n%s", diff)
	}
}

func TestLeastConnectionsTieGoesToLongestThere(t *testing.T) {
	b, inFlight := proxy(t, scorer.LeastConnections, 100, 100, 100)
	for _, i := range []int{2, 0} { // busy and idle again, in this order
		inFlight[i] = 1
		b.changed(i)
		inFlight[i] = 0
		b.changed(i)
	}
	b.changed(1) // no change of the key, no change of the place
	var order []int
	for range 3 {
		i := b.pick()
		order = append(order, i)
		inFlight[i]++
		b.changed(i)
	}
	if diff := cmp.Diff([]int{1, 2, 0}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestLeastConnectionsKeyIsInteger(t *testing.T) {
	// 2·256/192 is 2.67, which counts 2 like 2·256/256.
	b, inFlight := proxy(t, scorer.LeastConnections, 256, 192)
	inFlight[1] = 1
	b.changed(1)
	inFlight[0] = 1
	b.changed(0)
	if got := b.pick(); got != 1 {
		t.Errorf("picked %d, want the one that has had the same key for longer", got)
	}
}

func TestSharesWithoutLoad(t *testing.T) {
	const n = 70_000
	want := map[scorer.Algorithm][]float64{
		// Two draws with nothing in flight are one draw.
		scorer.Random:     {4. / 7, 2. / 7, 1. / 7},
		scorer.RoundRobin: {4. / 7, 2. / 7, 1. / 7},
		// The schedule of deadlines is one of weights while nothing is active.
		scorer.LeastRequest: {4. / 7, 2. / 7, 1. / 7},
	}
	for a, shares := range want {
		b, inFlight := proxy(t, a, 256, 128, 64)
		got := fill(b, inFlight, n, false)
		for i := range shares {
			if math.Abs(float64(got[i])/n-shares[i]) > 0.01 {
				t.Errorf("%s: backend %d: share %v, want %v", a, i, float64(got[i])/n, shares[i])
			}
		}
	}
}

// Envoy's held share goes like the square root of the weight.
func TestLeastRequestHeldShares(t *testing.T) {
	b, inFlight := proxy(t, scorer.LeastRequest, 256, 128, 64, 64)
	const n = 6000
	got := fill(b, inFlight, n, true)
	for i, want := range []float64{0.370, 0.260, 0.185, 0.185} {
		if math.Abs(float64(got[i])/n-want) > 0.01 {
			t.Errorf("backend %d: share %v, want %v", i, float64(got[i])/n, want)
		}
	}
}

func TestTwoChoicesSpareTheBusy(t *testing.T) {
	for _, a := range []scorer.Algorithm{scorer.Random, scorer.LeastRequest} {
		b, inFlight := proxy(t, a, 100, 100)
		inFlight[0] = 10
		got := fill(b, inFlight, 10_000, false)
		if share := float64(got[0]) / 10_000; math.Abs(share-0.25) > 0.02 {
			t.Errorf("%s: the busy one of two got %v, want only when drawn twice: 0.25", a, share)
		}
	}
}

func TestNothingToPick(t *testing.T) {
	for _, a := range Algorithms() {
		b, _ := proxy(t, a, 0, 0)
		if got := b.pick(); got != -1 {
			t.Errorf("%s: picked %d of weights 0", a, got)
		}
	}
}

func TestDrawByWeightOfMany(t *testing.T) {
	sums := make([]uint32, 40)
	var sum uint32
	for i := range sums {
		sum += uint32(i % 3) // every third has no weight
		sums[i] = sum
	}
	r, got := stream(1, 1), make([]float64, len(sums))
	const n = 400_000
	for range n {
		got[drawByWeight(r, sums)]++
	}
	for i := range got {
		want := float64(i%3) / float64(sum)
		if math.Abs(got[i]/n-want) > 0.002 {
			t.Errorf("backend %d: share %v, want %v", i, got[i]/n, want)
		}
	}
}

// Many requests in flight are shared by weight, whoever asks.
func TestLeastConnectionsShares(t *testing.T) {
	s := short(time.Minute, 1, 0.95, unequal())
	r := must(t, s, scorer.LeastConnections, 1, Static{256, 256, 128, 128, 64})
	for i, want := range []float64{8. / 26, 8. / 26, 4. / 26, 4. / 26, 2. / 26} {
		if math.Abs(r.Shares[i]/want-1) > 0.1 {
			t.Errorf("backend %d: share %v, want about %v", i, r.Shares[i], want)
		}
	}
}
