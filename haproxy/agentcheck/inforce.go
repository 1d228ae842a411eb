package agentcheck

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// silence is how long nobody may ask for a backend before that is said.
	silence = 10 * time.Second
	// doubtAfter is how long after a weight was told HAProxy's own statistics
	// should have it.
	doubtAfter = 5 * time.Second
)

func (t *Target) found() map[string]int {
	if t.options.Statistics == nil {
		return nil
	}
	return t.options.Statistics.Weights()
}

func (t *Target) algorithm() scorer.Algorithm {
	if t.options.Statistics != nil {
		if a := t.options.Statistics.Algorithm(); a != scorer.AlgorithmUnknown {
			return a
		}
	}
	return t.options.Algorithm
}

// has is the weight that the proxies have: what they show, or else what they were
// told, or else their initial one.
func (t *Target) has(backend string, words map[string]word, found map[string]int) int {
	said, told := words[backend]
	told = told && !said.since.IsZero()
	if told && said.said.drain {
		return 0
	}
	if w, ok := found[backend]; ok {
		return w
	}
	if told {
		return said.said.weight
	}
	return t.options.initial(backend)
}

// inForce is about the plan's backends, or where it has none, about those that
// anything is known of.
func (t *Target) inForce(p scorer.Plan, words map[string]word, found map[string]int, now time.Time) scorer.InForce {
	out := scorer.InForce{Algorithm: t.algorithm()}
	if t.options.Statistics != nil {
		out.Origin = t.options.Statistics.Name()
	}
	var names []string
	for _, d := range p.Decisions {
		names = append(names, d.Backend)
	}
	if len(names) == 0 {
		names = slices.AppendSeq(slices.Collect(maps.Keys(words)), maps.Keys(found))
		slices.Sort(names)
		names = slices.Compact(names)
	}
	for _, backend := range names {
		weight := t.has(backend, words, found)
		out.Shares = append(out.Shares, scorer.Share{
			Backend: backend, Weight: float64(weight), Applied: weight,
			Note: t.note(backend, words, found, now),
		})
	}
	return out
}

// note says why what is in force may not be what the plan asks for.
func (t *Target) note(backend string, words map[string]word, found map[string]int, now time.Time) string {
	w, ok := words[backend]
	switch {
	case t.began.IsZero():
		return ""
	case !ok && now.Sub(t.began) > silence:
		return fmt.Sprintf("no HAProxy has asked for it in %s; taken for its initial weight", now.Sub(t.began).Round(time.Second))
	case ok && now.Sub(w.asked) > silence:
		return fmt.Sprintf("not asked for %s", now.Sub(w.asked).Round(time.Second))
	}
	has, seen := found[backend]
	if ok && seen && !w.since.IsZero() && !w.said.drain && has != w.said.weight && now.Sub(w.since) > doubtAfter {
		return fmt.Sprintf("HAProxy has %d where %d%% of %d was told: its initial weight may not be %d, or somebody else sets it",
			has, w.said.percent, t.options.initial(backend), t.options.initial(backend))
	}
	return ""
}
