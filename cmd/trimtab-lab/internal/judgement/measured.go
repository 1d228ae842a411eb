package judgement

import (
	"cmp"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// measured is a value, and of which scenario it is.
type measured struct {
	value float64
	where string
}

// regrets are those of a policy, wherever it has one.
func regrets(entries []Entry, p scenario.Policy) []measured {
	return each(entries, func(e *Entry) (float64, bool) { return e.regret(p) })
}

// each is the value of every entry that has one.
func each(entries []Entry, of func(*Entry) (float64, bool)) []measured {
	var out []measured
	for i := range entries {
		if v, ok := of(&entries[i]); ok {
			out = append(out, measured{v, entries[i].Scenario})
		}
	}
	return out
}

// where keeps the entries for which all of that holds.
func where(entries []Entry, holds ...func(*Entry) bool) []Entry {
	var out []Entry
	for i := range entries {
		if !slices.ContainsFunc(holds, func(h func(*Entry) bool) bool { return !h(&entries[i]) }) {
			out = append(out, entries[i])
		}
	}
	return out
}

// values leave out whose they are.
func values(all []measured) []float64 {
	out := make([]float64, len(all))
	for i, m := range all {
		out[i] = m.value
	}
	return out
}

func medianOf(all []measured) float64 { return median(values(all)) }

func worstOf(all []measured) float64 { return slices.Max(values(all)) }

// worstFirst sorts by value.
func worstFirst(all []measured) []measured {
	return slices.SortedStableFunc(slices.Values(all), func(a, b measured) int { return cmp.Compare(b.value, a.value) })
}

// Total is the median and the worst of a policy's regrets and which scenario
// that is, empty where there are none.
func Total(entries []Entry, p scenario.Policy) (middle, worst float64, scenario string) {
	all := worstFirst(regrets(entries, p))
	if len(all) == 0 {
		return 0, 0, ""
	}
	return medianOf(all), all[0].value, all[0].where
}
