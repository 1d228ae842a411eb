package haproxy

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestOnlyWhatDiffersIsSent(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, 4)
		// What was read counts for longer than the test may take: reading again would
		// be commands, too.
		p := newProxy(t, Config{Socket: in.Socket(), PollInterval: time.Minute})
		b := p.Backend("ws")
		w := watched(t, b)
		w.poll(t)
		sent := func(weights map[string]float64) uint64 {
			before := p.Stats().Commands
			apply(t, b, static(weights))
			return p.Stats().Commands - before
		}
		for _, step := range []struct {
			weights map[string]float64
			want    uint64
		}{
			{map[string]float64{"s1": 1, "s2": 1, "s3": 1, "s4": 1}, 0},
			{map[string]float64{"s1": 1, "s2": 0.5, "s3": 1, "s4": 0.2}, 2},
			{map[string]float64{"s1": 1, "s2": 0.5, "s3": 1, "s4": 0.2}, 0},
			{map[string]float64{"s1": 1, "s2": 0.5, "s3": 1, "s4": 0}, 1},
		} {
			if got := sent(step.weights); got != step.want {
				t.Errorf("%v: %d commands, want %d", step.weights, got, step.want)
			}
			w.poll(t)
		}
		for server, want := range map[string]int{"ws/s1": 100, "ws/s2": 50, "ws/s3": 100, "ws/s4": 0} {
			if err := wantWeight(t, in, server, want); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestInForceIsWhatHAProxyHas(t *testing.T) {
	in := unserved(t, system(t), 3)
	p := newProxy(t, Config{Socket: in.Socket()})
	got := apply(t, p.Backend("ws"), static(map[string]float64{"s1": 1, "s2": 0.5, "gone": 1}))
	want := scorer.InForce{
		Origin: "haproxy:" + in.Socket() + "#ws", Algorithm: scorer.LeastConnections, Pulses: true, Process: 1,
		Shares: []scorer.Share{
			{Backend: "s1", Weight: 100, Applied: 100},
			{Backend: "s2", Weight: 50, Applied: 50},
			{Backend: "s3", Weight: 100, Applied: 100},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestServersThatAreOutGetTheWeightsThatTheyComeBackWith(t *testing.T) {
	in := unserved(t, system(t), 5)
	ask(t, in, "set server ws/s2 state maint")
	ask(t, in, "set server ws/s4 health down")
	ask(t, in, "set server ws/s5 state drain")
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	apply(t, b, static(map[string]float64{"s1": 1, "s2": 0.5, "s3": 0, "s4": 0.2, "s5": 0.4}))
	full := weightOf(t, in, "ws/s1")
	for server, want := range map[string]int{"ws/s2": 100, "ws/s3": 0, "ws/s4": full / 5, "ws/s5": full * 2 / 5} {
		if err := wantWeight(t, in, server, want); err != nil {
			t.Error(err)
		}
	}
	// Nobody waits for a tick to have a server back from maintenance as planned.
	watched(t, b)
	run(t, p)
	ask(t, in, "set server ws/s2 state ready")
	until(t, eventually, func() error { return wantWeight(t, in, "ws/s2", full/2) })
}

func TestOddNames(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		// A backend that looks like a number, and one with a frontend of the same
		// name, which HAProxy allows until 3.2.
		frontend := "f"
		if before33(versionOf(t, binary)) {
			frontend = "web.x:y_z-1"
		}
		in := start(t, instance.Options{
			Binary: binary, Listeners: 1,
			Config: preamble + "frontend " + frontend + "\n  bind @FD0@\n  default_backend web.x:y_z-1\n" +
				"backend web.x:y_z-1\n  balance leastconn\n  server a.b:c_d-e 127.0.0.1:1 weight 100\n  server 10.0.0.1:80 127.0.0.1:1 weight 100\n" +
				"backend 2\n  balance leastconn\n  server 1 127.0.0.1:1 weight 100\n  server 2 127.0.0.1:1 weight 100\n",
		})
		p := newProxy(t, Config{Socket: in.Socket()})
		for _, backend := range []string{"web.x:y_z-1", "2"} {
			w := watched(t, p.Backend(backend))
			for range 3 { // the first poll reads everything, further ones by number
				if reports := w.poll(t); len(reports) != 2 {
					t.Fatalf("backend %s: reports %v", backend, reports)
				}
			}
		}
		apply(t, p.Backend("web.x:y_z-1"), static(map[string]float64{"a.b:c_d-e": 1, "10.0.0.1:80": 0.5}))
		apply(t, p.Backend("2"), static(map[string]float64{"1": 1, "2": 0.25}))
		for server, want := range map[string]int{"web.x:y_z-1/10.0.0.1:80": 50, "2/2": 25} {
			if err := wantWeight(t, in, server, want); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWhatCannotBeTunedSaysWhyWithoutAskingAgain(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := start(t, instance.Options{
			Binary: binary,
			Config: strings.Replace(preamble, "defaults", "  stats socket @SOCKET@.user level user\ndefaults", 1) +
				"backend ws\n  balance leastconn\n" + serverLines(2, "weight 100") +
				"backend hashed\n  balance source\n" + serverLines(2, "weight 100") +
				"backend expression\n  balance hash src\n" + serverLines(2, "weight 100"),
		})
		for name, test := range map[string]struct {
			socket, backend string
			kind            error
			probes          uint64
		}{
			"static":                   {in.Socket(), "hashed", ErrStaticAlgorithm, 0},
			"static, shown by no name": {in.Socket(), "expression", ErrStaticAlgorithm, 1},
			"level user":               {in.Socket() + ".user", "ws", ErrPermission, 0},
			"missing":                  {in.Socket(), "nope", ErrNoSuchBackend, 0},
		} {
			t.Run(name, func(t *testing.T) {
				p := newProxy(t, Config{Socket: test.socket})
				b := p.Backend(test.backend)
				run(t, p)
				b.watchers.Add(1)
				plan := static(map[string]float64{"s1": 1, "s2": 0.5})
				for range 3 {
					_, err := b.Apply(t.Context(), plan)
					wantKind(t, err, test.kind)
					if !strings.Contains(err.Error(), test.backend) || !strings.Contains(err.Error(), test.socket) {
						t.Errorf("error %v names neither socket nor backend", err)
					}
				}
				if p.session.failures.Load() != 0 {
					t.Error("a refusal is taken for a broken connection")
				}
				dry, err := b.Apply(t.Context(), scorer.Plan{Mode: scorer.DryRun})
				if errors.Is(test.kind, ErrNoSuchBackend) {
					wantKind(t, err, test.kind)
				} else if err != nil || (test.probes == 0 && len(dry.Warnings) != 1) {
					t.Errorf("a dry run: %v, warnings %q", err, dry.Warnings)
				}
			})
		}
	})
}

func TestAServerThatGoesAndOneThatComes(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, 4)
		// What was read counts until the test reads again.
		p := newProxy(t, Config{Socket: in.Socket(), PollInterval: time.Minute})
		b := p.Backend("ws")
		w := watched(t, b)
		plan := static(map[string]float64{"s1": 1, "s2": 1, "s3": 0.5, "s4": 1})
		apply(t, b, plan)
		ask(t, in, "set server ws/s3 state maint")
		if reply := ask(t, in, "del server ws/s3"); !strings.Contains(reply, "deleted") {
			t.Fatal(reply)
		}
		// What was read last still has it.
		_, err := b.Apply(t.Context(), static(map[string]float64{"s1": 1, "s2": 0.7, "s3": 0.3, "s4": 1}))
		wantKind(t, err, ErrNoSuchServer)
		if err := wantWeight(t, in, "ws/s2", 70); err != nil {
			t.Errorf("one server that is gone keeps the others from their weights: %v", err)
		}
		w.poll(t)
		apply(t, b, plan)

		if reply := ask(t, in, "add server ws/new 127.0.0.1:1 weight 60"); !strings.Contains(reply, "registered") {
			t.Fatal(reply)
		}
		ask(t, in, "set server ws/new state ready")
		if reports := w.poll(t); len(reports) != 4 {
			t.Errorf("%d servers", len(reports))
		}
		w.poll(t)
		if s, ok := b.view.Load().server("new"); !ok || s.initial != 60 {
			t.Errorf("server %+v, want an initial weight of 60", s)
		}
		inForce := apply(t, b, static(map[string]float64{"s1": 1, "s2": 1, "s4": 1, "new": 0.25}))
		for _, share := range inForce.Shares {
			if err := wantWeight(t, in, "ws/"+share.Backend, share.Applied); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestAThousandServers(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, 1000)
		p := newProxy(t, Config{Socket: in.Socket()})
		b := p.Backend("ws")
		w := watched(t, b)
		weights := map[string]float64{}
		for i := 1; i <= 1000; i++ {
			weights[fmt.Sprintf("s%d", i)] = float64(i%128+1) / 100
		}
		inForce := apply(t, b, static(weights))
		w.poll(t)
		for i, s := range b.view.Load().servers {
			share := inForce.Shares[i]
			if s.name != share.Backend || s.weight != share.Applied || s.weight == 0 {
				t.Fatalf("server %s has weight %d, want %+v", s.name, s.weight, share)
			}
		}
		if p.session.connects.Load() != 1 || p.session.failures.Load() != 0 {
			t.Errorf("stats %+v", p.Stats())
		}
	})
}
