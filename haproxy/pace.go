package haproxy

import "time"

// pace spreads closings evenly over a time. It makes up for one that was late
// and not for more: what is late beyond that is spread over the time that is
// left, at less than twice the even rate.
type pace struct {
	// end is when the last one should be closed.
	end time.Time
	// least is the shortest time between two.
	least time.Duration
	// due is when the one before was due.
	due time.Time
}

const (
	// together is the time in which closings that are due are told at once: to
	// wake up for each would cost more than it smooths.
	together = 10 * time.Millisecond
	// mostAtOnce bounds them.
	mostAtOnce = 64
	// mostRate is the highest rate, as a multiple of the even one. It stays below
	// twice that, which nobody is to see, for what chance adds.
	mostRate = 1.8
	// longestLeast bounds the shortest time between two: of a few connections
	// nobody needs protection.
	longestLeast = time.Second
)

// newPace spreads total closings over the time from start on, the first one at
// once. Of the time the part before now has passed.
func newPace(now, start time.Time, over time.Duration, total int) pace {
	least := time.Duration(float64(over) / mostRate / float64(max(total, 1)))
	return pace{end: start.Add(over), least: min(least, longestLeast), due: now}
}

// next says when the next closings are due, how many they are, and how far apart
// two are on average. left is how many there are to close, at least 1.
func (p *pace) next(now time.Time, left int) (due time.Time, count int, apart time.Duration) {
	apart = max(p.end.Sub(now)/time.Duration(left), p.least, 0)
	count = left
	if apart > 0 {
		count = int(max(together/apart, 1))
	}
	return p.due, min(count, left, mostAtOnce), apart
}

// passed notes that so many, so far apart, had their turn.
func (p *pace) passed(now time.Time, count int, apart time.Duration) {
	p.due = p.due.Add(time.Duration(count) * apart)
	if p.due.Before(now.Add(-apart)) {
		p.due = now
	}
}
