package status

import (
	"fmt"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Scale is how many backends a pool wants, and why.
type Scale struct {
	// Backends is how many there are; Wanted how many there should be, null while
	// nothing tells how full they are.
	Backends int    `json:"backends"`
	Wanted   Number `json:"wanted"`
	// Utilization is how full they are together, Ahead how full they would be at the
	// horizon.
	Utilization Number `json:"utilization"`
	Ahead       Number `json:"ahead"`
	// Spare is the backend that empties cheapest, where one can be spared, or "".
	Spare string `json:"spare"`
	Why   string `json:"why"`
}

// ScaleOf makes the document's part of an advice, nil of none.
func ScaleOf(a *scorer.ScaleAdvice) *Scale {
	if a == nil {
		return nil
	}
	out := &Scale{
		Backends: a.Backends, Wanted: Unknown(), Utilization: Number(a.Utilization), Ahead: Number(a.Ahead),
		Spare: a.Spare, Why: a.Why,
	}
	if a.Known {
		out.Wanted = Number(a.Wanted)
	}
	return out
}

// ScaleLine is the advice in a line for people.
func ScaleLine(s *Scale) string {
	if !s.Wanted.Known() {
		return "scale: unknown (" + s.Why + ")"
	}
	return fmt.Sprintf("scale: %d wanted of %d (%s)", int(s.Wanted), s.Backends, s.Why)
}
