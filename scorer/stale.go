package scorer

import (
	"math"
	"time"
)

// staleTrust returns how much of what was learned still counts when the newest
// report has the given age: all of it up to limit (hold), then less and less, with
// the time constant decay.
// A negative age means that there never was a report.
func staleTrust(age, limit, decay time.Duration) float64 {
	switch {
	case age < 0:
		return 0
	case age <= limit:
		return 1
	default:
		return math.Exp(-float64(age-limit) / float64(decay))
	}
}
