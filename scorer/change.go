package scorer

import (
	"math"
	"strconv"
	"time"
)

// change is the last time that an estimate had to be learned anew, because what it
// estimates had clearly become another.
type change struct {
	// at is when that was noticed, and by is how much the logarithm has changed
	// since; a zero time is none.
	at time.Time
	by float64
}

const (
	// notable is the least change of a capacity that a person is told of.
	notable = 0.2
	// changeEnds is for how long an estimate must have kept up for the next
	// change to be another one.
	changeEnds = 10 * time.Second
	// changeTold is how long a person is told of a change.
	changeTold = 10 * time.Minute
)

// changes watches one estimate for changes.
type changes struct {
	last change
	// began is when the estimate first lacked something, behind when it last did,
	// and from what it was before.
	began, behind time.Time
	from          float64
}

// note is told of a filter after each step.
func (c *changes) note(now time.Time, f *filter) {
	if now.Sub(c.behind) > changeEnds {
		if !f.catching {
			return
		}
		c.began, c.from = now, f.before
	}
	if f.catching {
		c.behind = now
	}
	by := f.x - c.from
	if math.Abs(by) < math.Log1p(notable) {
		return
	}
	// The figure follows only as far as a person would see a difference.
	if c.last.at != c.began || math.Abs(by-c.last.by) > visible {
		c.last = change{c.began, by}
	}
}

// told is the change that a person should know of now.
func (c *changes) told(now time.Time) change {
	if c.last.at.IsZero() || now.Sub(c.last.at) > changeTold {
		return change{}
	}
	return c.last
}

// words appends what happened; nothing for no change.
func (c change) words(b []byte) []byte {
	switch {
	case c.at.IsZero():
		return b
	case c.by < 0:
		b = append(b, "; capacity fell by "...)
	default:
		b = append(b, "; capacity rose by "...)
	}
	b = strconv.AppendFloat(b, math.Round(100*math.Abs(math.Expm1(c.by))), 'f', 0, 64)
	b = append(b, " % beside the pool's at "...) // only ratios are known
	b = c.at.UTC().AppendFormat(b, time.TimeOnly)
	return append(b, " UTC, learned anew"...)
}
