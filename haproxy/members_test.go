package haproxy

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestMembersAreSentAtOnceAndWhenTheyChange(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := start(t, instance.Options{
			Binary: binary,
			Config: preamble + "backend ws\n  balance leastconn\n  server s1 127.0.0.1:1 weight 200\n  server s2 127.0.0.1:2 weight 50\n  server s3 127.0.0.1:3 weight 0\n",
		})
		p := newProxy(t, Config{Socket: in.Socket()})
		b := p.Backend("ws")
		run(t, p)
		ctx, cancel := context.WithTimeout(t.Context(), 2*eventually)
		defer cancel()
		lists := make(chan []scorer.Backend)
		ended := make(chan error)
		go func() { ended <- b.Members().Run(ctx, lists) }()
		next := func(what string, conditions ...scorer.Condition) {
			t.Helper()
			want := []scorer.Backend{
				{Name: "s1", Address: "127.0.0.1:1", Capacity: 200},
				{Name: "s2", Address: "127.0.0.1:2", Capacity: 50},
				{Name: "s3", Address: "127.0.0.1:3", Capacity: 0},
			}
			for i, c := range conditions {
				want[i].Condition = c
			}
			select {
			case got := <-lists:
				if diff := cmp.Diff(want, got); diff != "" {
					t.Fatalf("%s: (-want +got)\n%s", what, diff)
				}
			case <-ctx.Done():
				t.Fatalf("%s: no members", what)
			}
		}
		next("at first", scorer.Up, scorer.Up, scorer.Draining)
		ask(t, in, "set server ws/s1 state drain")
		next("drained", scorer.Draining, scorer.Up, scorer.Draining)
		ask(t, in, "set server ws/s2 state maint")
		next("maintained", scorer.Draining, scorer.Down, scorer.Draining)
		ask(t, in, "set server ws/s1 state ready")
		next("ready", scorer.Up, scorer.Down, scorer.Draining)

		// A weight of 0 that trimtab sets is no condition.
		apply(t, b, static(map[string]float64{"s1": 0, "s2": 1}))
		ask(t, in, "set server ws/s2 state ready")
		next("ready again", scorer.Up, scorer.Up, scorer.Draining)
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
	})
}

func TestConditions(t *testing.T) {
	for status, want := range map[string]scorer.Condition{
		"UP": scorer.Up, "UP 1/3": scorer.Up, "no check": scorer.Up,
		"DOWN": scorer.Down, "DOWN 1/2": scorer.Down, "DOWN (agent)": scorer.Down,
		"MAINT": scorer.Down, "MAINT (via ws/s1)": scorer.Down, "MAINT (resolution)": scorer.Down,
		"DRAIN": scorer.Draining, "DRAIN (agent)": scorer.Draining, "NOLB": scorer.Draining, "NOLB 1/3": scorer.Draining,
		"": scorer.Down,
	} {
		if got := (server{status: status, initial: 1, weight: 1}).condition(); got != want {
			t.Errorf("%q: got %v, want %v", status, got, want)
		}
	}
}

func TestReportsReachTheirReader(t *testing.T) {
	in := unserved(t, system(t), 3)
	p := newProxy(t, Config{Socket: in.Socket(), PollInterval: 20 * time.Millisecond})
	b := p.Backend("ws")
	run(t, p)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := make(chan scorer.Report)
	ended := make(chan error)
	go func() { ended <- b.Reports().Run(ctx, out) }()
	counted := map[string]int{}
	for range 30 {
		r := <-out
		if !r.ByProxy || r.Origin != p.Name()+"#ws" || r.InFlight != 0 || time.Since(r.At) > 5*time.Second {
			t.Fatalf("report %+v", r)
		}
		counted[r.Backend]++
	}
	if diff := cmp.Diff(map[string]int{"s1": 10, "s2": 10, "s3": 10}, counted); diff != "" {
		t.Error(diff)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	until(t, eventually, func() error {
		if len(p.watched()) != 0 {
			t.Fatal("nobody reads, and HAProxy is asked all the same")
		}
		return nil
	})
}
