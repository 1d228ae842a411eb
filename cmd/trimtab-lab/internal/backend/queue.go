package backend

import (
	"container/heap"
	"math"
	"time"
)

// queue is processor sharing in virtual time. Virtual time is the service that
// a job would have had which has been here since the queue was last empty; a
// job that joins at virtual time v with demand d is finished at v+d, whatever
// joins and leaves in between.
//
// Times are seconds since an epoch that the caller chooses. It is not safe for
// concurrent use.
type queue struct {
	cores float64
	speed float64

	now     float64
	virtual float64
	waiting jobs
	// busy is the integral of busy cores over time, done the work served, in
	// seconds at speed 1.
	busy, done float64
}

// job is one request's work.
type job struct {
	finish float64 // virtual time
	number uint64  // order of arrival, for jobs that finish together
	index  int     // in the heap, -1 when finished or taken out

	// ended is when it was finished, exactly; set before finished is closed.
	ended    time.Duration
	finished chan struct{}
}

// resolution is the nanosecond that timers count in: what ends within half of
// one ends now, lest a timer be set for nothing.
const resolution = 0.5e-9

// rate is the service that each job gets per second.
func (q *queue) rate() float64 {
	return q.speed * min(1, q.cores/float64(len(q.waiting)))
}

// advance moves to the instant `to`, along the instants at which jobs end, and
// returns these in order. Going back in time does nothing.
func (q *queue) advance(to float64) (ended []*job) {
	for len(q.waiting) > 0 {
		at := q.nextEnd()
		if at > to+resolution {
			break
		}
		q.pass(at)
		j := heap.Pop(&q.waiting).(*job)
		q.virtual = j.finish
		j.ended = seconds(at)
		ended = append(ended, j)
	}
	q.pass(to)
	return ended
}

// pass lets time go by in which no job ends.
func (q *queue) pass(to float64) {
	elapsed := to - q.now
	if elapsed <= 0 {
		return
	}
	if n := float64(len(q.waiting)); n > 0 {
		q.virtual += elapsed * q.rate()
		q.busy += elapsed * min(n, q.cores)
		q.done += elapsed * q.rate() * n
	} else {
		q.virtual = 0 // keeps the numbers small, hence exact
	}
	q.now = to
}

// nextEnd is when the next job ends if nothing changes, +Inf for never.
func (q *queue) nextEnd() float64 {
	if len(q.waiting) == 0 || q.speed <= 0 || q.cores <= 0 {
		return math.Inf(1)
	}
	return q.now + max(0, q.waiting[0].finish-q.virtual)/q.rate()
}

// add puts in work of so many seconds at speed 1, from now on.
func (q *queue) add(demand float64, number uint64) *job {
	j := &job{finish: q.virtual + demand, number: number, finished: make(chan struct{})}
	heap.Push(&q.waiting, j)
	return j
}

// remove takes out a job that nobody waits for any more.
func (q *queue) remove(j *job) {
	if j.index >= 0 {
		heap.Remove(&q.waiting, j.index)
	}
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * 1e9)) }

// jobs is a heap by virtual finish.
type jobs []*job

func (h jobs) Len() int { return len(h) }

func (h jobs) Less(i, j int) bool {
	if h[i].finish != h[j].finish {
		return h[i].finish < h[j].finish
	}
	return h[i].number < h[j].number
}

func (h jobs) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *jobs) Push(x any) {
	j := x.(*job)
	j.index = len(*h)
	*h = append(*h, j)
}

func (h *jobs) Pop() any {
	last := len(*h) - 1
	j := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	j.index = -1
	return j
}
