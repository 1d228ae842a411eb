package haproxy

import (
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// losses counts the member lists that were not of the wanted size.
func losses(t *testing.T, b *Backend, want int) func() int {
	t.Helper()
	out := make(chan []scorer.Backend)
	done := make(chan int)
	ctx := t.Context()
	go func() { _ = b.Members().Run(ctx, out) }()
	stop := make(chan struct{})
	go func() {
		n := 0
		for {
			select {
			case list := <-out:
				if len(list) != want {
					n++
				}
			case <-stop:
				done <- n
				return
			}
		}
	}()
	return func() int { close(stop); return <-done }
}

func TestEverythingIsSetAgainAfterRestartAndReload(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		for name, renew := range map[string]func(*instance.Instance) error{
			"killed and restarted": func(in *instance.Instance) error { return in.Restart(t.Context()) },
			"reloaded":             func(in *instance.Instance) error { return in.Reload(t.Context()) },
		} {
			t.Run(name, func(t *testing.T) {
				in := start(t, instance.Options{
					Binary: binary, MasterWorker: name == "reloaded",
					Config: preamble + "backend ws\n  balance leastconn\n" + serverLines(3, "weight 100"),
				})
				p := newProxy(t, Config{Socket: in.Socket()})
				b := p.Backend("ws")
				run(t, p)
				lost := losses(t, b, 3)
				plan := static(map[string]float64{"s1": 1, "s2": 0.5, "s3": 1})
				apply(t, b, plan)
				if err := wantWeight(t, in, "ws/s2", 50); err != nil {
					t.Fatal(err)
				}
				if err := renew(in); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				// An apply may succeed on what was read before; the next one knows.
				until(t, eventually, func() error {
					if _, err := b.Apply(t.Context(), plan); err != nil {
						return err
					}
					return wantWeight(t, in, "ws/s2", 50)
				})
				t.Logf("in sync again after %v", time.Since(began).Round(time.Millisecond))
				if n := p.Stats().ExternalChanges; n != 0 {
					t.Errorf("the configured weights of a new process were taken for someone's change %d times", n)
				}
				if n := lost(); n != 0 {
					t.Errorf("the members were lost %d times", n)
				}
				if err := b.Restore(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := wantWeight(t, in, "ws/s2", 100); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestReloadWithOtherWeightsIsTakenOver(t *testing.T) {
	in := start(t, instance.Options{
		Binary: system(t), MasterWorker: true,
		Config: preamble + "backend ws\n  balance leastconn\n" + serverLines(2, "weight 100"),
	})
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	run(t, p)
	watched(t, b)
	plan := static(map[string]float64{"s1": 1, "s2": 0.5})
	apply(t, b, plan)
	if err := in.WriteConfig(preamble + "backend ws\n  balance leastconn\n" + serverLines(2, "weight 40")); err != nil {
		t.Fatal(err)
	}
	if err := in.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, eventually, func() error {
		if _, err := b.Apply(t.Context(), plan); err != nil {
			return err
		}
		return wantWeight(t, in, "ws/s1", 100)
	})
	if err := b.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, server := range []string{"ws/s1", "ws/s2"} {
		if err := wantWeight(t, in, server, 40); err != nil {
			t.Errorf("restored: %v", err)
		}
	}
}
