package scenario

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// Expand writes out what a file says in short: a backend with a count becomes
// name-1, name-2, …; an event of a group becomes one for each of it, a repeated
// one becomes single ones, and all are in order of time, those at the same time
// in the order of the file. Pools say all that they have, and there are none
// where the file names none. f stays as it is.
func (f File) Expand() File {
	var backends []Backend
	for _, b := range f.Backends {
		for _, name := range b.names() {
			one := b
			one.Name, one.Count = name, 1
			backends = append(backends, one)
		}
	}
	var events []Event
	for _, o := range f.occurrences() {
		events = append(events, o.Event)
	}
	f.Backends, f.Events, f.Pools = backends, events, f.pools()
	return f
}

// occurrence is one event of one backend.
type occurrence struct {
	Event
	// origin is the index of the entry in the file that it is from.
	origin int
}

// occurrences lists all in order of time.
func (f File) occurrences() []occurrence {
	groups := f.groups()
	var out []occurrence
	for i, e := range f.Events {
		names, isGroup := groups[e.Backend]
		if !isGroup {
			names = []string{e.Backend}
		}
		for _, at := range e.times(f.End()) {
			for _, name := range names {
				one := occurrence{e, i}
				one.At, one.Every, one.Until, one.Backend = at, 0, 0, name
				out = append(out, one)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b occurrence) int { return cmp.Compare(a.At, b.At) })
	return out
}

// groups are the backends that each entry stands for, by its name.
func (f File) groups() map[string][]string {
	out := make(map[string][]string, len(f.Backends))
	for _, b := range f.Backends {
		out[b.Name] = b.names()
	}
	return out
}

// names are those of the backends that the entry stands for.
func (b Backend) names() []string {
	if b.Count <= 1 {
		return []string{b.Name}
	}
	out := make([]string, b.Count)
	for i := range out {
		out[i] = b.Name + "-" + strconv.Itoa(i+1)
	}
	return out
}

// times are when the event happens.
func (e Event) times(end time.Duration) []time.Duration {
	n := e.repetitions(end)
	out := make([]time.Duration, n)
	for i := range out {
		out[i] = e.At + time.Duration(i)*e.Every
	}
	return out
}

// repetitions is how often the event happens before the end.
func (e Event) repetitions(end time.Duration) int {
	if e.Until > 0 {
		end = min(end, e.Until)
	}
	if e.Every <= 0 || end <= e.At {
		return 1
	}
	return int((end - e.At + e.Every - 1) / e.Every)
}
