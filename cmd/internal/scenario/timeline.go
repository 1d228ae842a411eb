package scenario

import (
	"cmp"
	"reflect"
	"slices"
	"time"
)

// State is a backend at one time.
type State struct {
	Settings
	// Present is whether it is in the pool. One that is not has not joined yet
	// or has left.
	Present bool
	// Draining is the time within which its connections are to leave, from DrainedFrom
	// on; 0 while it is not drained.
	Draining, DrainedFrom time.Duration
	// Down is whether it is away for a restart: in the pool, and out of service.
	Down bool
	// Warmth is a factor on Speed: 1, or less while it is cold.
	Warmth float64
}

// Capacity is the work that it can do in a second, in seconds of demand. One
// that is not there or fails does none; what fails of a part is taken off.
func (s State) Capacity() float64 {
	if !s.Present || s.Down || s.Fail != FailNone {
		return 0
	}
	return (s.Cores - s.NeighbourCores) * s.Speed * s.Warmth * (1 - s.ErrorRate)
}

// Moment is the state from a time on, until the next moment.
type Moment struct {
	At time.Duration
	State
}

// Timeline is one backend's states in order of time, the first at 0.
type Timeline []Moment

// At is the state at that time, which is not negative.
func (t Timeline) At(at time.Duration) State {
	i, found := slices.BinarySearchFunc(t, at, func(m Moment, at time.Duration) int { return cmp.Compare(m.At, at) })
	if !found {
		i--
	}
	return t[i].State
}

// Timelines has one for each backend of the expanded file, in its order.
func (f File) Timelines() []Timeline {
	f = f.Expand()
	events := map[string][]Event{}
	for _, e := range f.Events {
		events[e.Backend] = append(events[e.Backend], e)
	}
	out := make([]Timeline, len(f.Backends))
	for i, b := range f.Backends {
		out[i] = timeline(b, events[b.Name])
	}
	return out
}

// spell is a time during which a backend is down, drained or cold.
type spell struct {
	from, to time.Duration
	warmth   float64 // 0 is down, drained is below
}

// drained is the warmth of a spell in which a backend is drained.
const drained = -1

// timeline follows one backend through its events, which are in order of time.
func timeline(b Backend, events []Event) Timeline {
	spells := spellsOf(b, events)
	times := []time.Duration{0, b.JoinsAt}
	if b.LeavesAt > 0 {
		times = append(times, b.LeavesAt)
	}
	for _, e := range events {
		times = append(times, e.At)
	}
	for _, s := range spells {
		times = append(times, s.from, s.to)
	}
	slices.Sort(times)
	times = slices.Compact(times)

	out := make(Timeline, 0, len(times))
	now := b.Settings
	var down, cold, drain spell
	for _, t := range times {
		for ; len(events) > 0 && events[0].At <= t; events = events[1:] {
			now = events[0].apply(now)
		}
		for ; len(spells) > 0 && spells[0].from <= t; spells = spells[1:] {
			switch s := spells[0]; {
			case s.warmth > 0:
				cold = s
			case s.warmth == drained:
				drain = s
			case s.to > down.to:
				down = s
			}
		}
		s := State{Settings: now, Warmth: 1, Down: t < down.to}
		s.Present = t >= b.JoinsAt && (b.LeavesAt == 0 || t < b.LeavesAt)
		if t < cold.to {
			s.Warmth = cold.warmth
		}
		if t < drain.to {
			s.Draining, s.DrainedFrom = drain.to-drain.from, drain.from
		}
		out = append(out, Moment{At: t, State: s})
	}
	return out
}

// spellsOf lists when the backend is down, drained or cold, in order of their
// beginnings. Of several colds the last that began counts.
func spellsOf(b Backend, events []Event) []spell {
	var out []spell
	cold := func(from time.Duration, c *Cold) {
		if c != nil {
			out = append(out, spell{from, from + c.For, c.Speed})
		}
	}
	if b.JoinsAt > 0 {
		cold(b.JoinsAt, b.Cold)
	}
	for _, e := range events {
		cold(e.At, e.Cold)
		if e.Restart == nil {
			continue
		}
		away := e.At + e.Restart.Drain
		up := away + e.Restart.Down
		if away > e.At {
			out = append(out, spell{from: e.At, to: away, warmth: drained})
		}
		out = append(out, spell{from: away, to: up})
		after := e.Restart.Cold
		if after == nil {
			after = b.Cold
		}
		cold(up, after)
	}
	slices.SortStableFunc(out, func(a, b spell) int { return cmp.Compare(a.from, b.from) })
	return out
}

// apply returns the settings with the changes made.
func (c Change) apply(s Settings) Settings {
	from, to := reflect.ValueOf(c), reflect.ValueOf(&s).Elem()
	for i := range from.NumField() {
		if value := from.Field(i); !value.IsNil() {
			to.FieldByName(from.Type().Field(i).Name).Set(value.Elem())
		}
	}
	return s
}
