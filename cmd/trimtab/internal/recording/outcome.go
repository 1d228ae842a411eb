package recording

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Outcome is a replay beside what was recorded. Its JSON is a contract: fields are
// added, never renamed.
type Outcome struct {
	Pool string `json:"pool"`
	// Program is the version that recorded.
	Program string    `json:"program"`
	At      time.Time `json:"at"`
	// Seconds are from the first plan to the last.
	Seconds float64 `json:"seconds"`
	// FromStart is that the pool began with the recording; see [Header.FromStart].
	FromStart bool `json:"from_start"`
	// Settings are those that the replay has otherwise.
	Settings []string `json:"settings"`
	// Ended is why the recording ended; "" for one that was cut off.
	Ended string `json:"ended"`
	Counts
	// Same counts the plans that are as recorded to the last bit, reasons included;
	// FirstDifference is when the first was not. Alike counts those with the same
	// states and every weight within 1 %.
	Same            uint64     `json:"same"`
	Alike           uint64     `json:"alike"`
	FirstDifference *time.Time `json:"first_difference"`
	Replayed        Side       `json:"replayed"`
	Recorded        Side       `json:"recorded"`
	Changes         []Change   `json:"changes"`
	// Backends are sorted by name.
	Backends []Backend `json:"backends"`
}

// Side is one of the two.
type Side struct {
	// Configured is the law as configured, Law the one in use at the end.
	Configured string `json:"configured"`
	Law        string `json:"law"`
	// Moves are the weights that changed by more than 1 % from a plan to the next.
	Moves          uint64 `json:"moves"`
	MovesPerMinute number `json:"moves_per_minute"`
}

// Change is another law in use, or what changed of a backend since it last had one:
// a weight by more than 5 %, or a state, on either side.
type Change struct {
	At       time.Time `json:"at"`
	Backend  string    `json:"backend,omitempty"` // "" for a law
	Replayed Move      `json:"replayed"`
	Recorded Move      `json:"recorded"`
	// Why is the replay's reason.
	Why string `json:"why"`
}

// Move is what was and what is.
type Move struct {
	Was      number `json:"was,omitzero"`
	Is       number `json:"is,omitzero"`
	WasState string `json:"was_state,omitempty"`
	State    string `json:"state,omitempty"`
	WasLaw   string `json:"was_law,omitempty"`
	Law      string `json:"law,omitempty"`
}

// Backend is where the two have come to.
type Backend struct {
	Name     string `json:"name"`
	Replayed number `json:"replayed"`
	Recorded number `json:"recorded"`
	// Apart is the largest difference, at ApartAt.
	Apart   float64    `json:"apart"`
	ApartAt *time.Time `json:"apart_at"`
}

func (c *comparison) outcome(r *Reader) *Outcome {
	out := c.out
	for _, s := range c.by {
		out.Backends = append(out.Backends, s.Backend)
	}
	slices.SortFunc(out.Backends, func(a, b Backend) int { return cmp.Compare(a.Name, b.Name) })
	out.Counts = r.Counts()
	if end := r.End(); end != nil {
		out.Ended, out.Lost = end.Why, end.Lost
	}
	for _, side := range []*Side{&out.Replayed, &out.Recorded} {
		side.MovesPerMinute = number(math.NaN())
		if out.Seconds > 0 {
			side.MovesPerMinute = number(float64(side.Moves) * 60 / out.Seconds)
		}
	}
	return out
}
