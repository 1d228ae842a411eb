package load

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// outcome is what became of one request, or of one message.
type outcome struct {
	at      time.Duration // the intended instant, within the trace
	latency time.Duration // from the intended instant to the end of the body
	late    time.Duration // from the intended instant to sending
	served  time.Duration // of latency, what the backend says it took; 0 for nothing
	status  int           // HTTP status, or one of the below
	backend int           // which one answered, by its place among those known; or nobody
}

// nobody is instead of a backend that is not known.
const nobody = -1

const (
	pending   = 0
	broken    = -1 // no complete answer
	notSent   = -2 // too many requests were open, or this machine could not
	cancelled = -3 // the replay was ended before
)

func (o outcome) ok() bool { return o.status >= 200 && o.status < 400 }

// wasSent is false for what never was, and for what cannot be told of.
func (o outcome) wasSent() bool {
	return o.status != notSent && o.status != cancelled && o.status != pending
}

// maxLatency is the largest latency that is told apart from a larger one.
const maxLatency = 10 * time.Minute

// outcomes are those of all arrivals, by index, with running figures on top.
type outcomes struct {
	mu   sync.Mutex
	all  []outcome
	live Live
	hist *hdrhistogram.Histogram
}

// Live is what has been so far, cheap enough to be read while the replay goes
// on.
type Live struct {
	// Ended and Errors are counts since the beginning.
	Ended, Errors int
	// P50 and P99 are of good answers since the last [Replay.Mark], within 0.1 %.
	P50, P99 time.Duration
}

func newHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, maxLatency.Microseconds(), 3)
}

func newOutcomes(n int) *outcomes {
	return &outcomes{all: make([]outcome, n), hist: newHistogram()}
}

func (o *outcomes) record(i int, got outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all[i] = got
	if got.status == cancelled {
		return
	}
	o.live.Ended++
	if got.ok() {
		record(o.hist, got.latency)
	} else {
		o.live.Errors++
	}
}

func (o *outcomes) liveNow() Live {
	o.mu.Lock()
	defer o.mu.Unlock()
	live := o.live
	live.P50 = time.Duration(o.hist.ValueAtQuantile(50)) * time.Microsecond
	live.P99 = time.Duration(o.hist.ValueAtQuantile(99)) * time.Microsecond
	return live
}

func (o *outcomes) mark() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hist.Reset()
}

// known returns the outcomes [first, end) as they are.
func (o *outcomes) known(first, end int) []outcome {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]outcome(nil), o.all[first:end]...)
}

// copyOf returns the outcomes [first, end) and whether all of them are known.
func (o *outcomes) copyOf(first, end int) (_ []outcome, complete bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, got := range o.all[first:end] {
		if got.status == pending {
			return nil, false
		}
	}
	return append([]outcome(nil), o.all[first:end]...), true
}
