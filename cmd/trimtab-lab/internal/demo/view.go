package demo

import "time"

// Display shows how the demo goes. Its methods are called from one goroutine
// at a time.
type Display interface {
	// Show replaces what was shown.
	Show(View)
	// Note adds a line that stays.
	Note(string)
}

// View is the demo at one moment.
type View struct {
	// Elapsed is the time since the trace began, Left what it still takes.
	Elapsed, Left time.Duration
	Act           string
	Stacks        []StackView
	// Backends are those of the stack that is tuned, else of the first.
	Backends []BackendView
}

// Done is the share of the demo that is over, 0 to 1.
func (v View) Done() float64 {
	if all := v.Elapsed + v.Left; all > 0 {
		return min(max(v.Elapsed.Seconds()/all.Seconds(), 0), 1)
	}
	return 1
}

// StackView is one stack's line. Latencies are those of the act so far, Errors
// of the whole demo.
type StackView struct {
	Name            string
	P50, P99        time.Duration
	Rate, ErrorRate float64 // per second, now
	Errors          int
}

// BackendView is one backend's line.
type BackendView struct {
	Name        string
	Cores       float64
	Weight      int
	Out         bool
	Utilization float64
}
