package tuner

import (
	"context"
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// recordBuffer is how many entries may wait for whoever records: a poll of
	// some ten thousand backends at once.
	recordBuffer = 16384
	// maxRecordings bounds what a pool's owner does for those who watch.
	maxRecordings = 4
)

// Entry is one thing that a pool was told, or a plan that it made of that.
// Exactly one field beside At is set. What it points to is changed by nobody.
type Entry struct {
	// At is when the owner told the pool; of a plan, of an outcome of a health
	// request, and only of these, it is the time that the pool was given.
	At       time.Time
	Report   *scorer.Report
	Backends []scorer.Backend // not nil where it is set, though it may be empty
	Applied  *Applied
	Probed   *Probed
	Closed   *Closed
	Orders   *scorer.Orders
	Plan     *scorer.Plan
	// Lost is how many entries are missing here, as nobody took them in time.
	Lost uint64
}

// Applied is what a target has in force.
type Applied struct {
	Target  string
	InForce scorer.InForce
}

// Probed is the outcome of a health request.
type Probed struct {
	Backend string
	OK      bool
}

// Closed is how many connections somebody has closed for a plan: a [scorer.Closed]
// that says by how many plans that one is behind the newest, as a pool that begins
// later counts from 1.
type Closed struct {
	Backend string
	Behind  uint64
	At      time.Time
	Count   int
}

// Beginning is where a recording starts from. What the pool's backends and orders
// are, and what its targets have in force, are the first entries.
type Beginning struct {
	At time.Time
	// FromStart is that the pool had decided nothing and heard of no load: a new
	// pool that is told the same makes the same plans. Without it there is more to
	// the running pool than Memory holds (averages, and changes under way): the
	// weights of a new one that starts from there differ by up to some 20 %.
	FromStart bool
	// Memory is what the pool knows, or FromStart what it was given, which may be
	// nothing: nil. Recalled is the time to recall it at.
	Memory   *scorer.Memory
	Recalled time.Time
}

// Recording is what one pool is told and decides, while it goes on.
type Recording struct {
	Beginning Beginning
	// Entries come in the order in which the pool was told. It is closed after
	// Close, and when the tuner has ended.
	Entries <-chan Entry

	tuner *Tuner
	tap   *tap
}

// Record begins a recording. What is not taken from it in time is lost and counted;
// the pool waits for nobody. A pool that has taken steps is recorded from its next
// tick on, so that no window is cut in two. Errors are [ErrRefused], when too many
// record already or the tuner has ended, and the context's.
//
// The caller closes the recording.
func (t *Tuner) Record(ctx context.Context) (*Recording, error) {
	tap := &tap{entries: make(chan Entry, recordBuffer), begun: make(chan Beginning, 1)}
	select {
	case t.taps <- tapChange{tap: tap}:
	case <-ctx.Done():
		return nil, fmt.Errorf("record: %w", ctx.Err())
	case <-t.ended:
		return nil, fmt.Errorf("record: the pool is being stopped: %w", ErrRefused)
	}
	r := &Recording{Entries: tap.entries, tuner: t, tap: tap}
	select {
	case b, ok := <-tap.begun:
		if !ok {
			return nil, fmt.Errorf("record: %d recordings are under way, which is as many as there may be: %w", maxRecordings, ErrRefused)
		}
		r.Beginning = b
		return r, nil
	case <-ctx.Done():
		r.Close()
		return nil, fmt.Errorf("record: %w", ctx.Err())
	case <-t.ended:
		return nil, fmt.Errorf("record: the pool is being stopped: %w", ErrRefused)
	}
}

// Close ends the recording; what waits in Entries can still be taken.
func (r *Recording) Close() {
	select {
	case r.tuner.taps <- tapChange{tap: r.tap, leave: true}:
	case <-r.tuner.ended:
	}
}

// Lost is how many entries are missing at the end. It is for after Entries has been
// found closed.
func (r *Recording) Lost() uint64 { return r.tap.lost }

// tap is the owner's end of a recording.
type tap struct {
	entries chan Entry
	// begun is closed without a value for a recording that is refused.
	begun chan Beginning
	lost  uint64
}

// tapChange puts a tap up or takes it away.
type tapChange struct {
	tap   *tap
	leave bool
}

// offer hands over an entry without waiting.
func (t *tap) offer(e Entry) {
	if t.lost > 0 {
		select {
		case t.entries <- Entry{At: e.At, Lost: t.lost}:
			t.lost = 0
		default:
		}
	}
	// Nothing may come after what is lost but the word of it.
	if t.lost == 0 {
		select {
		case t.entries <- e:
			return
		default:
		}
	}
	t.lost++
}
