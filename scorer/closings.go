package scorer

import (
	"slices"
	"time"
)

// closings are the connections of one backend that were closed for trimtab, in order
// of time. A controller that did not know them would ask for the same excess again
// at every step until it sees the effect: five times too many with views 2 s old.
type closings struct{ all []closing }

// closing is what one plan has asked for.
type closing struct {
	seq uint64
	// at is when the last of them was closed; a guess until somebody tells.
	at            time.Time
	asked, closed float64
	// settled is how many of it have been taken off what left a view.
	settled float64
	told    bool
	// drained is that they had to leave by an order to drain.
	drained bool
}

// These times say what becomes of who was closed. Clients that come back sooner or
// later make the controller slower, not wrong: see [shedder.away].
const (
	// toldWithin is how long what was asked counts as done before anybody has told.
	toldWithin = 10 * time.Second
	// firstBack and lastBack are between which times a client that was closed
	// comes back, evenly: what client libraries wait before they connect again.
	firstBack = 500 * time.Millisecond
	lastBack  = 5 * time.Second
	// closingsKept is how long they matter to anything.
	closingsKept = time.Minute
)

// ask notes that so many are asked for from now on, within so many seconds.
func (c *closings) ask(seq uint64, now time.Time, seconds float64, count int) {
	if count > 0 {
		at := now.Add(time.Duration(seconds * float64(time.Second)))
		c.all = append(c.all, closing{seq: seq, at: at, asked: float64(count)})
	}
}

// askDrained is the same for a drain.
func (c *closings) askDrained(seq uint64, now time.Time, seconds float64, count int) {
	if c.ask(seq, now, seconds, count); count > 0 {
		c.all[len(c.all)-1].drained = true
	}
}

// tell takes what became of it. Several closers may have done a part each.
func (c *closings) tell(t Closed) {
	i := slices.IndexFunc(c.all, func(k closing) bool { return k.seq == t.Seq })
	if i < 0 {
		return
	}
	k := &c.all[i]
	if !k.told || t.At.After(k.at) {
		k.at = t.At
	}
	k.told = true
	k.closed += float64(max(t.Count, 0))
}

// count is how many of it were closed: all that were asked for, until somebody tells.
// Those who fail to close anybody must not count as having done so, or the clients
// would pass for some that have come back to where they were.
func (k *closing) count(now time.Time) float64 {
	if !k.told && now.Sub(k.at) < toldWithin {
		return k.asked
	}
	return k.closed
}

// unseen is how many a view of that time still shows.
func (c *closings) unseen(now, view time.Time) float64 {
	sum := 0.0
	for i := range c.all {
		if c.all[i].at.After(view) {
			sum += c.all[i].count(now)
		}
	}
	return sum
}

// away is how many a view of that time shows no longer, which are not expected to be
// back anywhere by then.
func (c *closings) away(now, view time.Time) float64 {
	sum := 0.0
	for i := range c.all {
		age := view.Sub(c.all[i].at)
		if age < 0 {
			continue
		}
		left := 1 - float64(age-firstBack)/float64(lastBack-firstBack)
		sum += c.all[i].count(now) * min(max(left, 0), 1)
	}
	return sum
}

// between is how many were closed after one time and not after another.
func (c *closings) between(now, after, until time.Time) float64 {
	sum := 0.0
	for i := range c.all {
		if k := &c.all[i]; k.at.After(after) && !k.at.After(until) {
			sum += k.count(now)
		}
	}
	return sum
}

// settle returns how many were closed until a time and have not been settled before,
// whenever they were: who closes may tell it after a view that shows it.
func (c *closings) settle(now, until time.Time) float64 {
	sum := 0.0
	for i := range c.all {
		if k := &c.all[i]; !k.at.After(until) {
			count := k.count(now)
			sum += count - k.settled
			k.settled = count
		}
	}
	return sum
}

// shed is whether any were closed after that time that no drain has asked for.
func (c *closings) shed(now, after time.Time) bool {
	return slices.ContainsFunc(c.all, func(k closing) bool { return !k.drained && k.at.After(after) && k.count(now) > 0 })
}

func (c *closings) forget(now time.Time) {
	c.all = slices.DeleteFunc(c.all, func(k closing) bool { return now.Sub(k.at) > closingsKept })
}
