package demo

import (
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// A reading every half second: i is in service, o out.
func readings(text string) []reading {
	var all []reading
	for i, c := range text {
		all = append(all, reading{at: time.Duration(i) * watchPeriod, out: c == 'o'})
	}
	return all
}

func TestEjectedAndReturned(t *testing.T) {
	const failed, well = 1 * time.Second, 4 * time.Second // readings 2 and 8
	for name, test := range map[string]struct {
		seen              string
		ejected, returned time.Duration // -1: not seen
	}{
		"never out":         {"iiiiiiiiiiiiiiii", -1, 4 * time.Second},
		"out for good":      {"iiiooooooooooooo", 1500 * time.Millisecond, -1},
		"out before it":     {"ooiiiiiiiiiiiiii", -1, 4 * time.Second},
		"out and back":      {"iiiooooooooiiiiiiii", 1500 * time.Millisecond, 5500 * time.Millisecond},
		"a probe between":   {"iiioooooooioooiiiiii", 1500 * time.Millisecond, 7 * time.Second},
		"back before well":  {"iiioooiiiiiiiiiii", 1500 * time.Millisecond, 4 * time.Second},
		"back too recently": {"iiiooooooooooiii", 1500 * time.Millisecond, -1},
	} {
		t.Run(name, func(t *testing.T) {
			e := &entry{readings: readings(test.seen)}
			if got, ok := e.ejected(failed); ok != (test.ejected >= 0) || ok && got != test.ejected {
				t.Errorf("ejected at %v, %v; want %v", got, ok, test.ejected)
			}
			if got, ok := e.returned(well); ok != (test.returned >= 0) || ok && got != test.returned {
				t.Errorf("returned at %v, %v; want %v", got, ok, test.returned)
			}
		})
	}
}

func TestIsOut(t *testing.T) {
	for _, test := range []struct {
		server stack.Server
		want   bool
	}{
		{stack.Server{Status: "no check", Weight: 100}, false},
		{stack.Server{Status: "UP", Weight: 1}, false},
		{stack.Server{Status: "UP 1/2", Weight: 1}, false},
		{stack.Server{Status: "no check", Weight: 0}, true},
		{stack.Server{Status: "DRAIN", Weight: 100}, true},
		{stack.Server{Status: "MAINT", Weight: 100}, true},
		{stack.Server{Status: "DOWN", Weight: 100}, true},
		{stack.Server{Status: "HEALTHY", Weight: 1}, false},
		{stack.Server{Status: "DRAINING", Weight: 650000}, true},
		{stack.Server{Status: "unknown"}, true},
	} {
		if got := isOut(test.server); got != test.want {
			t.Errorf("%+v: %v", test.server, got)
		}
	}
}
