package source

import (
	"maps"
	"math"
	"slices"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// maxUtilization is more than a backend can honestly be overloaded by, and
	// less than a busy one shows in percent.
	maxUtilization = 8
	// maxNamed keeps one backend from filling the memory with names.
	maxNamed = 256
)

// check takes out of a report what cannot be true and says what that was.
func check(r *scorer.Report) []drop {
	var drops []drop
	for _, s := range []struct {
		name  string
		value *float64
		ratio bool
	}{
		{"utilization", &r.Utilization, true},
		{"cpu", &r.CPU, true},
		{"memory", &r.Memory, true},
		{"requests", &r.RPS, false},
		{"errors", &r.EPS, false},
		{"in_flight", &r.InFlight, false},
		{"latency", &r.Latency, false},
	} {
		if math.IsNaN(*s.value) {
			continue // absent
		}
		if d, bad := checkValue(s.name, *s.value, s.ratio); bad {
			drops = append(drops, d)
			*s.value = math.NaN()
		}
	}
	return append(drops, checkNamed(r.Named)...)
}

func checkValue(name string, v float64, ratio bool) (drop, bool) {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return drop{signal: name, reason: NotANumber}, true
	case v < 0:
		return drop{signal: name, reason: Negative}, true
	case ratio && v > maxUtilization:
		return drop{name, Percent, "1 is full; divide percent by 100"}, true
	default:
		return drop{}, false
	}
}

// checkNamed checks named metrics, of which those below ratioPrefix are shares.
func checkNamed(named map[string]float64) []drop {
	var drops []drop
	for i, name := range slices.Sorted(maps.Keys(named)) {
		d, bad := checkValue(name, named[name], isRatio(name))
		if !bad && i >= maxNamed {
			d, bad = drop{name, TooMany, "report fewer named metrics"}, true
		}
		if bad {
			drops = append(drops, d)
			delete(named, name)
		}
	}
	return drops
}

// empty is true when a report says nothing.
func empty(r scorer.Report) bool {
	for _, v := range []float64{r.Utilization, r.CPU, r.Memory, r.RPS, r.EPS, r.InFlight, r.Latency} {
		if !math.IsNaN(v) {
			return false
		}
	}
	return len(r.Named) == 0
}
