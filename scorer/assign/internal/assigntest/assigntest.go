// Package assigntest is what tests of gateways have in common: backends, a plan for
// them, and a server that answers until the test is over.
package assigntest

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Backends are ws1, ws2 and so on, at these addresses.
func Backends(addresses ...string) []scorer.Backend {
	var out []scorer.Backend
	for i, a := range addresses {
		out = append(out, scorer.Backend{Name: fmt.Sprintf("ws%d", i+1), Address: a, Capacity: 1})
	}
	return out
}

// Farm is n backends of addresses from 10.0.0.1:80 on, 250 in each 10.0.x.
func Farm(n int) []scorer.Backend {
	var addresses []string
	for i := range n {
		addresses = append(addresses, fmt.Sprintf("10.0.%d.%d:80", i/250, i%250+1))
	}
	return Backends(addresses...)
}

// Plan is one by which all are ready and as busy; change may be nil. So much is in
// flight that what a test assigns makes no difference.
func Plan(at time.Time, backends []scorer.Backend, change func(*scorer.Decision)) scorer.Plan {
	plan := scorer.Plan{Pool: "ws", Seq: 1, At: at}
	for _, b := range backends {
		d := scorer.Decision{Backend: b.Name, State: scorer.StateReady, Weight: 1, Score: 1, InFlight: 1e6, Utilization: math.NaN()}
		if change != nil {
			change(&d)
		}
		plan.Decisions = append(plan.Decisions, d)
	}
	return plan
}

// PerProcessorSecond is how often something can be done in a second of one processor.
// The machine may have other work meanwhile.
func PerProcessorSecond(t testing.TB, times int, do func()) float64 {
	t.Helper()
	previous := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(previous)
	used := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			t.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	runtime.GC()
	began := used()
	for range times {
		do()
	}
	return float64(times) / (used() - began).Seconds()
}

// Run has a server answer until the test is over.
func Run(t testing.TB, s interface{ Run(context.Context) error }) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
