package scorer

import (
	"math"
	"strconv"
	"time"
)

// cause is what decided a backend's weight.
type cause uint8

const (
	becauseNothing cause = iota
	becauseDown
	becauseDraining
	becauseDrained
	becausePinned
	becauseFrozen
	becauseFound
	becauseAwaited
	becauseHeld
	becauseKept
	becauseOther
	becauseEjected
	becausePulse
	becausePanic
	becauseSilent
	becauseSlowStart
	becauseFailures
	becauseNeeded
	becauseStale
	becauseConfigured
	becauseEqual
	becauseLatency
	becauseReport
	becauseDoubted
	becauseLastReport
	becauseUnreported
	becauseQueue
	becauseQueueAlone
	becauseConnections
	becauseTaken
)

// reason is a cause with its figures. Equal reasons read the same, so that a
// sentence is made only when something in it has changed.
type reason struct {
	cause cause
	// factor is a multiple of the configured share, or a share of failures.
	factor, rest float64
	deviation    float64
	age          time.Duration
	thin         bool
	change       change
}

// coarse rounds a figure to what a sentence shows, so that it is not made anew
// at every step.
func coarse(x float64) float64 {
	if x == 0 || !isNumber(x) {
		return 0
	}
	scale := math.Pow(10, 1-math.Floor(math.Log10(math.Abs(x))))
	return math.Round(x*scale) / scale
}

func (r reason) String() string {
	b := make([]byte, 0, 160)
	switch r.cause {
	case becauseDown:
		b = append(b, "down or in maintenance by the proxy's word; this is the weight it returns with"...)
	case becauseDraining:
		b = append(b, "draining: no new work, what it has leaves in its own time"...)
	case becauseDrained:
		b = append(b, "drained "...)
	case becausePinned:
		b = append(b, "pinned to "...)
		b = strconv.AppendFloat(b, r.factor, 'g', 3, 64)
		b = append(b, ' ')
	case becauseFound:
		b = append(b, "as it was found: too little has completed so far to learn from"...)
	case becauseAwaited:
		b = append(b, "as it was found: the configured law needs reports of utilization, and none has come"...)
	case becauseHeld:
		b = append(b, "as it was: what is in flight may be connections that are held, and nothing else shows how strong it is"...)
	case becauseFrozen:
		b = append(b, "frozen "...)
	case becauseEjected:
		b = append(b, "ejected: fails "...)
		b = percent(b, r.factor)
		b = append(b, " of its requests where the rest fails "...)
		b = percent(b, r.rest)
		if r.age > 0 {
			b = append(b, "; next probe waits "...)
			b = append(b, r.age.String()...)
		}
	case becausePulse:
		b = append(b, "ejected; open for "...)
		b = append(b, r.age.String()...)
		b = append(b, " to see whether it is well again"...)
	case becausePanic:
		b = append(b, "configured share: more than half of the pool is down, ejected or silent"...)
	case becauseKept:
		b = append(b, "as before the restart: no report has come yet"...)
	case becauseSilent:
		b = append(b, "configured share: nothing is known of it yet"...)
	case becauseSlowStart:
		b = append(b, "slow start: "...)
		b = percent(b, r.factor)
		b = append(b, " of its share"...)
	case becauseFailures:
		b = append(b, "fails more than the rest: "...)
		b = percent(b, r.factor)
		b = append(b, " of its share"...)
	case becauseNeeded:
		b = append(b, "fails "...)
		b = percent(b, r.factor)
		b = append(b, " more than the rest, and keeps its share: without it the others were overloaded"...)
	case becauseStale:
		b = append(b, "no report for "...)
		b = append(b, r.age.String()...)
		b = append(b, ": returning to its configured share"...)
	case becauseConfigured:
		b = append(b, "configured share"...)
	case becauseEqual:
		b = append(b, "configured share: no backend is clearly stronger or weaker than configured"...)
	case becauseLatency:
		b = r.learned(b, "from in-flight and completions")
	case becauseReport:
		b = r.learned(b, "from its load report")
	case becauseDoubted:
		b = r.learned(b, "from in-flight and completions")
		b = append(b, "; its load report is not believed, as it claims "...)
		b = strconv.AppendFloat(b, r.rest, 'f', 2, 64)
		b = append(b, " of what its response times show"...)
	case becauseLastReport:
		b = r.learned(b, "from its load reports before they stopped or only repeated themselves")
	case becauseQueue:
		b = r.learned(b, "from its load report")
		b = append(b, ", and times "...)
		b = strconv.AppendFloat(b, r.rest, 'f', 2, 64)
		b = append(b, " for how long its requests take beside the others'"...)
	case becauseUnreported:
		b = strconv.AppendFloat(b, r.factor, 'f', 2, 64)
		b = append(b, " times its configured share: it reports no utilization now, and nothing else shows how strong it is"...)
	case becauseQueueAlone:
		b = strconv.AppendFloat(b, r.factor, 'f', 2, 64)
		b = append(b, " times its configured share, learned from how long its requests take beside the others'"...)
	case becauseConnections:
		b = strconv.AppendFloat(b, r.factor, 'f', 2, 64)
		b = append(b, " of its configured share: the rest is taken by dear connections"...)
	case becauseTaken:
		b = append(b, "next to nothing new: a few dear connections take all of it, and no number of others would make up for that"...)
	case becauseOther:
		b = strconv.AppendFloat(b, r.factor, 'f', 2, 64)
		b = append(b, " times its configured share, by the law that is configured"...)
	}
	b = r.change.words(b)
	if r.thin {
		b = append(b, "; weights do little here: leastconn takes an idle server whatever its weight"...)
	}
	return string(b)
}

func (r reason) learned(b []byte, how string) []byte {
	b = strconv.AppendFloat(b, r.factor, 'f', 2, 64)
	b = append(b, " times its configured share, learned "...)
	b = append(b, how...)
	b = append(b, " (within "...)
	b = percent(b, r.deviation)
	return append(b, ')')
}

func percent(b []byte, share float64) []byte {
	b = strconv.AppendFloat(b, math.Round(100*share), 'f', 0, 64)
	return append(b, " %"...)
}
