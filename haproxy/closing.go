package haproxy

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

const (
	// retryEvery is how soon a process is asked again that a reload may be about
	// to put another one in the place of, and patience for how long.
	retryEvery = 100 * time.Millisecond
	patience   = 5 * time.Second
)

// closing is one Close or Drain under way.
type closing struct {
	Selection
	closers *closers
	place   place
	// quota is how many are still to be picked; all is to go on until none is
	// left.
	quota  int
	all    bool
	start  time.Time
	over   time.Duration
	began  int
	report func(CloseResult)

	listing listing
	// stale says that it has to be made anew, fresh that it just was.
	stale, fresh bool
	pace         pace
	// delay is the part of the time between two that the next ones are delayed.
	delay float64
	// candidates are those to pick from, the next one last. waiting is how many
	// are too young.
	candidates []target
	waiting    int
	// asked are those that were told to end. open are those that had their turn and
	// of which the next list tells what has become, by whether they were told. doubts
	// is how often one was not certain to be the same when it was its turn.
	asked  map[target]asking
	open   map[target]bool
	doubts map[target]int
	result CloseResult
}

// asking is that a stream was told to end at some time, and what age it had when.
type asking struct {
	at, listed time.Time
	age        age
}

// run closes. Of those who were told to end when HAProxy failed at last, nobody says
// whether they do: who closes others in their place would close too many.
func (j *closing) run(ctx context.Context) error {
	err := j.goOn(ctx)
	for t, told := range j.open {
		if told && err != nil {
			j.count(t, outcomeClosed)
		}
	}
	return err
}

func (j *closing) goOn(ctx context.Context) error {
	answered := time.Now()
	for {
		err := j.list(ctx)
		if err == nil {
			if j.done() {
				return nil
			}
			err = j.next(ctx)
		}
		if err == nil {
			answered = time.Now()
			continue
		}
		if ctx.Err() != nil || !passing(err) || time.Since(answered) > patience {
			return err
		}
		j.stale = true
		if err := sleep(ctx, retryEvery); err != nil {
			return err
		}
	}
}

// passing says whether an error is one that a reload causes.
func passing(err error) bool {
	_, ofMaster := errors.AsType[*masterError](err)
	return errors.Is(err, errReplaced) || errors.Is(err, errMoved) || errors.Is(err, ErrUnreachable) ||
		ofMaster && !errors.Is(err, ErrPermission)
}

// done says whether there is nothing to do any more, nor will be.
func (j *closing) done() bool {
	if j.all {
		return len(j.candidates) == 0 && j.waiting == 0
	}
	return j.quota == 0 || len(j.candidates) == 0
}

// next closes the next ones, or waits until they are due.
func (j *closing) next(ctx context.Context) error {
	if len(j.candidates) == 0 {
		return nil
	}
	left := len(j.candidates) + j.waiting
	if !j.all {
		left = min(j.quota, len(j.candidates))
	}
	due, count, apart := j.pace.next(time.Now(), left)
	due = due.Add(time.Duration(j.delay * float64(apart)))
	if old := j.listing.began.Add(relistAtLeast); due.After(old) {
		return sleep(ctx, time.Until(old))
	}
	if err := sleep(ctx, time.Until(due)); err != nil {
		return err
	}
	if j.all && time.Now().After(j.relistAt()) && !j.fresh {
		// So that who has left meanwhile is known, and nobody waited for. A count of
		// them is closed sooner: who has left counts for it.
		j.stale, j.fresh = true, true
		return nil
	}
	j.fresh = false
	count, err := j.close(ctx, count)
	j.pace.passed(time.Now(), count, apart)
	j.delay = j.Jitter * rand.Float64()
	return err
}

// close closes the next ones, those of one process, and returns how many had
// their turn.
func (j *closing) close(ctx context.Context, count int) (int, error) {
	n := len(j.candidates)
	from := n - 1
	for from > 0 && n-from < count && j.candidates[from-1].pid == j.candidates[n-1].pid {
		from--
	}
	picked := j.candidates[from:]
	outcomes, err := j.closers.close(ctx, &j.listing, j.place, picked)
	if len(outcomes) == 0 {
		return 0, err
	}
	j.candidates = j.candidates[:from]
	for i, o := range outcomes {
		t := picked[i]
		if o == outcomeGone || o == outcomeClosed {
			j.count(t, o)
			continue
		}
		if o == outcomeDoubtful {
			j.doubts[t.identity()]++
		}
		j.open[t.identity()] = o == outcomeTold
	}
	j.report(j.result)
	return len(picked), err
}

// count counts a stream, once if HAProxy has to be told twice.
func (j *closing) count(t target, o outcome) {
	j.result.Left--
	_, again := j.asked[t.identity()]
	if o == outcomeClosed {
		j.asked[t.identity()] = asking{at: time.Now(), listed: j.listing.began.Add(j.listing.took), age: t.age}
	}
	if again {
		return
	}
	j.quota = max(j.quota-1, 0)
	j.result.Asked++
	if o == outcomeClosed {
		j.result.Closed++
	} else {
		j.result.Gone++
	}
}

// settle counts those whose turn left open what became of them and who are not there
// any more.
func (j *closing) settle(there map[target]bool) {
	for t, told := range j.open {
		switch {
		case there[t]:
		case told:
			j.count(t, outcomeClosed)
		default:
			j.count(t, outcomeGone)
		}
	}
	clear(j.open)
}

// identity is what two listings have in common of one stream.
func (t target) identity() target {
	return target{stream{pointer: t.pointer, source: t.source}, t.pid}
}

// sleep waits, not at all for less than nothing.
func sleep(ctx context.Context, d time.Duration) error {
	pause(ctx, d)
	return ctx.Err()
}
