package judgement

import (
	"math"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// against is trimtab's p99 over another policy's.
func against(entries []Entry, other scenario.Policy) []measured {
	return each(entries, func(e *Entry) (float64, bool) {
		f, of := e.Figures(scenario.PolicyTrimtab), e.Figures(other)
		if f == nil || of == nil || of.P99 == 0 {
			return 0, false
		}
		return f.P99 / of.P99, true
	})
}

// alike is by how much shares of errors may differ in policies whose latencies
// are compared: one that fails requests has an easy time with the rest.
const alike = 0.005

// best is trimtab's p99 over that of the best of those that need no trimtab.
func best(entries []Entry) []measured {
	return each(entries, func(e *Entry) (float64, bool) {
		f, least := e.Figures(scenario.PolicyTrimtab), math.Inf(1)
		if f == nil {
			return 0, false
		}
		for _, p := range []scenario.Policy{scenario.PolicyEqual, scenario.PolicyAgentCheck, scenario.PolicyA58} {
			if other := e.Figures(p); other != nil && math.Abs(other.Errors-f.Errors) <= alike {
				least = min(least, other.P99)
			}
		}
		return f.P99 / least, least > 0 && !math.IsInf(least, 1)
	})
}

// failures are trimtab's errors in per cent.
func failures(entries []Entry) []measured {
	return each(entries, func(e *Entry) (float64, bool) {
		f := e.Figures(scenario.PolicyTrimtab)
		if f == nil {
			return 0, false
		}
		return 100 * f.Errors, true
	})
}

func changesOf(entries []Entry, p scenario.Policy) []measured {
	return each(entries, func(e *Entry) (float64, bool) {
		f := e.Figures(p)
		if f == nil {
			return 0, false
		}
		return f.WeightChanges, true
	})
}
