package scenario

import "time"

// mostEvents is how many things happen in a drawn scenario at most. Some take
// two entries: they begin and end.
const mostEvents = 4

// events draws what happens, one thing after another, and drops what would
// leave the pool overloaded for long.
func (d drawer) events(f *File) {
	for range d.IntN(mostEvents + 1) {
		before := f.Events
		names := f.Expand().Backends
		b := names[d.IntN(len(names))]
		from := f.Warmup + d.seconds(5, int(f.Duration.Seconds())*2/3)
		if b.LeavesAt > 0 && from >= b.LeavesAt {
			continue
		}
		f.Events = append(before[:len(before):len(before)], d.thing(f, b, from)...)
		if !fair(*f) {
			f.Events = before
		}
	}
}

// thing is one thing that happens to the backend.
func (d drawer) thing(f *File, b Backend, from time.Duration) []Event {
	lasting := func(length time.Duration, during, after Change) []Event {
		out := []Event{{At: from, Backend: b.Name, Change: during}}
		if to := from + length; to < f.End() && (b.LeavesAt == 0 || to < b.LeavesAt) {
			out = append(out, Event{At: to, Backend: b.Name, Change: after})
		}
		return out
	}
	forGood := func(c Change) []Event { return []Event{{At: from, Backend: b.Name, Change: c}} }
	n := 10
	if f.Reports != nil {
		n += 2
	}
	switch d.IntN(n) {
	case 0:
		return forGood(Change{Cores: new(max(b.Cores/2, b.NeighbourCores))})
	case 1:
		return forGood(Change{Speed: new(rounded(b.Speed * pick(d, 0.5, 0.7, 1.5)))})
	case 2:
		return lasting(d.seconds(20, 60), Change{NeighbourCores: new(b.Cores / 2)}, Change{NeighbourCores: new(b.NeighbourCores)})
	case 3:
		return lasting(d.seconds(20, 60), Change{Fail: new(FailFast)}, Change{Fail: new(FailNone)})
	case 4:
		return lasting(d.seconds(5, 15), Change{Fail: new(FailHang)}, Change{Fail: new(FailNone)})
	case 5:
		return lasting(d.seconds(20, 60), Change{ErrorRate: new(pick(d, 0.1, 0.3, 0.6))}, Change{ErrorRate: new(0.0)})
	case 6:
		return []Event{{At: from, Backend: b.Name, Restart: &Restart{Down: d.seconds(2, 10), Cold: d.cold()}}}
	case 7:
		return forGood(Change{WaitFactor: new(pick(d, 0.5, 3, 5))})
	case 8:
		return []Event{{At: from, Backend: b.Name, Cold: d.cold()}}
	case 9:
		return forGood(Change{Distance: new(d.time(2*time.Millisecond, 30*time.Millisecond))})
	case 10:
		return lasting(d.seconds(30, 90), Change{Reports: new(pick(d, ReportsStop, ReportsZero, ReportsFull, ReportsFrozen))}, Change{Reports: new(ReportsOK)})
	default:
		return forGood(Change{ReportScale: new(pick(d, 0.2, 0.5, 2))})
	}
}

// fair tells whether the pool has the capacity for its load at most times.
func fair(f File) bool {
	timelines := f.Timelines()
	var overloaded, run time.Duration
	const step = time.Second
	for t := time.Duration(0); t < f.End(); t += step {
		if f.Load(t) <= fullLoad*capacityAt(timelines, t) {
			run = 0
			continue
		}
		run += step
		overloaded += step
		if run > longestOverload {
			return false
		}
	}
	return float64(overloaded) <= mostOverload*float64(f.End())
}
