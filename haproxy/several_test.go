package haproxy

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Two HAProxies share one pool of servers: what both count is added up, one plan
// goes to both, and one that hangs is its own trouble.
func TestOnePoolBehindTwoHAProxies(t *testing.T) {
	const tick = 250 * time.Millisecond
	addresses := []string{behaving(t), behaving(t)}
	var instances []*instance.Instance
	options := tuner.Options{Tick: tick}
	for i := range 2 {
		in := start(t, instance.Options{
			Binary: system(t), Listeners: 1,
			Config: preamble + "frontend f\n  bind @FD0@\n  default_backend ws\nbackend ws\n  balance leastconn\n" +
				fmt.Sprintf("  server s1 %s weight 100\n  server s2 %s weight 100\n", addresses[0], addresses[1]),
		})
		instances = append(instances, in)
		p := newProxy(t, Config{Socket: in.Socket()})
		run(t, p)
		b := p.Backend("ws")
		options.Sources = append(options.Sources, tuner.NamedSource{Name: p.Name(), Source: b.Reports()})
		options.Targets = append(options.Targets, tuner.NamedTarget{Name: p.Name(), Target: b})
		if i == 0 {
			options.Discoverers = []tuner.NamedDiscoverer{{Name: p.Name(), Discoverer: b.Members()}}
		}
	}
	pool, err := scorer.New(scorer.Config{Name: "ws"})
	if err != nil {
		t.Fatal(err)
	}
	options.Pool = pool
	both := tuner.New(options)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); both.Run(ctx) }()
	defer func() { cancel(); <-done }()

	inSync := func(want ...bool) error {
		for i, target := range both.Snapshot().Targets {
			if target.InSync != want[i] {
				return fmt.Errorf("target %d: in sync %v, %s", i, target.InSync, target.LastError)
			}
		}
		return nil
	}
	until(t, eventually, func() error {
		if both.Snapshot().Plan.Seq == 0 {
			return errors.New("no plan yet")
		}
		return inSync(true, true)
	})
	openSockets(t, instances[0].Addr(0), 3)
	openSockets(t, instances[1].Addr(0), 5)
	until(t, eventually, func() error {
		sum := 0.0
		for _, d := range both.Snapshot().Plan.Decisions {
			sum += d.InFlight
		}
		if sum != 8 {
			return fmt.Errorf("%g in flight", sum)
		}
		return nil
	})

	halt(t, instances[1])
	until(t, eventually, func() error { return inSync(true, false) })
	before := both.Snapshot().Targets
	until(t, eventually, func() error {
		if err := inSync(true, false); err != nil {
			t.Fatal(err)
		}
		// The one goes on being steered, plan after plan.
		if now := both.Snapshot().Targets[0]; now.AppliedSeq < before[0].AppliedSeq+8 {
			return fmt.Errorf("plan %d", now.AppliedSeq)
		}
		return nil
	})
	if now := both.Snapshot().Targets[1]; now.AppliedSeq != before[1].AppliedSeq {
		t.Errorf("a HAProxy that is stopped has taken plan %d after %d", now.AppliedSeq, before[1].AppliedSeq)
	}
	if err := instances[1].Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	until(t, eventually, func() error { return inSync(true, true) })
}
