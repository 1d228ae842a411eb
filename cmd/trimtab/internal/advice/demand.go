package advice

import (
	"fmt"
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

const (
	// constantBelow is a squared variation that makes no difference to none.
	constantBelow = 0.01
	// normalP99 is the 99 % quantile of the standard normal distribution.
	normalP99 = 2.3263478740408408
)

// demandOf is a distribution with that mean, in seconds, and squared coefficient of
// variation: constant, a least time and an exponential one, exponential, lognormal.
func demandOf(mean, variation float64) scenario.Mix {
	part := scenario.Part{Share: 1}
	switch {
	case variation < constantBelow:
		part.Const = new(span(mean))
	case variation < 1:
		part.ShiftedExp = &scenario.ShiftedExp{Min: span(mean * (1 - math.Sqrt(variation))), Mean: span(mean)}
	case variation == 1:
		part.Exp = span(mean)
	default:
		square := math.Log(1 + variation)
		median := mean * math.Exp(-square/2)
		part.Lognormal = &scenario.Lognormal{P50: span(median), P99: span(median * math.Exp(normalP99*math.Sqrt(square)))}
	}
	return scenario.Mix{part}
}

// span is whole nanoseconds, at least one.
func span(seconds float64) time.Duration {
	return max(time.Duration(math.Round(seconds*float64(time.Second))), 1)
}

// shape is the distribution's family, in words.
func shape(variation float64) string {
	switch {
	case variation < constantBelow:
		return "the same for all requests"
	case variation < 1:
		return "a least time and an exponential one"
	case variation == 1:
		return "exponential"
	default:
		return fmt.Sprintf("lognormal with a squared variation of %.2g", variation)
	}
}
