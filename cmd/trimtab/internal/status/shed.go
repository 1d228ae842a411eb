package status

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Shedding is what is done about connections that are where they should not be.
type Shedding struct {
	// State is balanced, waiting, active or held, and Rebalance none, running, done,
	// expired or refused: what has become of an order.
	State     string `json:"state"`
	Rebalance string `json:"rebalance"`
	Why       string `json:"why"`
	// Asked is how many the newest step has asked to reconnect, UnderWay how many were
	// closed and have not been seen again, Excess how many are still to be asked.
	Asked    int `json:"asked"`
	UnderWay int `json:"under_way"`
	Excess   int `json:"excess"`
}

// Drain is how far a drain by order is.
type Drain struct {
	Began time.Time `json:"began"`
	// Until is when all will have been asked to leave; null where they leave in their
	// own time.
	Until *time.Time `json:"until"`
	// First is how many there were at the beginning, Left how many there are now; null
	// is not known.
	First Number `json:"first"`
	Left  Number `json:"left"`
	Done  bool   `json:"done"`
	// Held is why nobody is asked to leave although it is time, or "".
	Held string `json:"held"`
}

// Shed is what has become of asking a backend's connections to reconnect.
type Shed struct {
	// Count is how many the newest step asks, Why the reason.
	Count int    `json:"count"`
	Why   string `json:"why"`
	// Closed and Failures count since the start.
	Closed    uint64 `json:"closed"`
	Failures  uint64 `json:"failures"`
	LastError string `json:"last_error"`
}

// Term is a part of a score: the score is the mean of all by their coefficients.
type Term struct {
	Signal      string  `json:"signal"`
	Coefficient float64 `json:"coefficient"`
	// Value is the signal as it was reported, Multiple the same for the backend's
	// capacity, as a multiple of the pool's.
	Value    Number `json:"value"`
	Multiple Number `json:"multiple"`
}

// Estimate is what an order to rebalance would do.
type Estimate struct {
	Pool        string `json:"pool"`
	Connections int    `json:"connections"`
	// From and To are sorted by backend; never null.
	From []Move `json:"from"`
	To   []Move `json:"to"`
	// TakesSeconds is until the last of them is expected to be back, and Delayed why
	// that is longer than moving them takes, or "".
	TakesSeconds float64 `json:"takes_seconds"`
	Delayed      string  `json:"delayed"`
	// Held is why it could not begin now, or "".
	Held string `json:"held"`
}

// Move is one backend's part of an estimate.
type Move struct {
	Backend     string `json:"backend"`
	Connections int    `json:"connections"`
}

// EstimateOf makes a document of an estimate.
func EstimateOf(pool string, e *scorer.ShedEstimate) Estimate {
	moves := func(in []scorer.ShedMove) []Move {
		out := make([]Move, len(in))
		for i, m := range in {
			out[i] = Move{m.Backend, m.Count}
		}
		return out
	}
	return Estimate{
		Pool: pool, Connections: e.Count, From: moves(e.From), To: moves(e.To),
		TakesSeconds: e.Takes.Seconds(), Delayed: e.Delayed, Held: e.Held,
	}
}

// sheddingOf is nil while nobody has asked for any.
func sheddingOf(s *scorer.Shedding) *Shedding {
	if s.State == scorer.ShedOff && s.Rebalance == scorer.RebalanceNone {
		return nil
	}
	return &Shedding{
		State: s.State.String(), Rebalance: s.Rebalance.String(), Why: s.Why,
		Asked: s.Asked, UnderWay: s.UnderWay, Excess: s.Excess,
	}
}

func drainOf(d *scorer.DrainProgress) *Drain {
	if d == nil {
		return nil
	}
	known := func(n int) Number {
		if n < 0 {
			return Unknown()
		}
		return Number(n)
	}
	out := &Drain{Began: d.Began, First: known(d.First), Left: known(d.Left), Done: d.Done, Held: d.Held}
	if !d.Until.IsZero() {
		out.Until = &d.Until
	}
	return out
}

// shedOf is nil while nobody was asked and nobody is.
func shedOf(d *scorer.Decision, s tuner.ShedStatus) *Shed {
	if d.Shed.Count == 0 && s == (tuner.ShedStatus{}) && d.Shed.Why == "" {
		return nil
	}
	return &Shed{Count: d.Shed.Count, Why: d.Shed.Why, Closed: s.Closed, Failures: s.Failures, LastError: s.LastError}
}

func termsOf(in []scorer.ScoreTerm) []Term {
	if len(in) == 0 {
		return nil
	}
	out := make([]Term, len(in))
	for i, t := range in {
		out[i] = Term{Signal: t.Signal, Coefficient: t.Coefficient, Value: Number(t.Value), Multiple: Number(t.Multiple)}
	}
	return out
}

// ShedLine is shedding in a line for people.
func ShedLine(s *Shedding) string {
	out := "shed: " + s.State
	if s.Rebalance != scorer.RebalanceNone.String() {
		out = "rebalance: " + s.Rebalance + ", " + s.State
	}
	var figures []string
	for _, f := range []struct {
		count int
		of    string
	}{{s.Asked, "asked now"}, {s.UnderWay, "under way"}, {s.Excess, "to go"}} {
		if f.count > 0 {
			figures = append(figures, fmt.Sprintf("%d %s", f.count, f.of))
		}
	}
	if len(figures) > 0 {
		out += ", " + strings.Join(figures, ", ")
	}
	if s.Why != "" {
		out += " (" + s.Why + ")"
	}
	return out
}

// DrainLine is a drain in a few words for people.
func DrainLine(d *Drain) string {
	switch {
	case d.Done:
		return "drained: it holds nothing any more"
	case !d.Left.Known():
		return cmp.Or(d.Held, "draining")
	}
	out := fmt.Sprintf("%s of %s left", amount(d.Left), amount(d.First))
	if d.Until != nil {
		out += ", until " + d.Until.UTC().Format(time.TimeOnly) + " UTC"
	}
	if d.Held != "" {
		out += ", held: " + d.Held
	}
	return out
}
