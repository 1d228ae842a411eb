package haproxy

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// transition is a weight that a server was seen to have, and since when.
type transition struct {
	weight string
	at     time.Time
}

// recordWeight asks for a server's weight again and again, over connections of
// its own, until the returned function is called.
func recordWeight(t *testing.T, in *instance.Instance, server string) func() []transition {
	t.Helper()
	stop := make(chan struct{})
	begun := make(chan struct{})
	result := make(chan []transition)
	go func() {
		var seen []transition
		for last := false; !last; {
			select {
			case <-stop:
				last = true // once more, to see what it was left at
			default:
			}
			reply, err := askSocket(in.Socket(), "get weight "+server)
			weight, _, _ := strings.Cut(reply, " ")
			if err == nil && (len(seen) == 0 || seen[len(seen)-1].weight != weight) {
				seen = append(seen, transition{weight, time.Now()})
				if len(seen) == 1 {
					close(begun)
				}
			}
		}
		result <- seen
	}()
	<-begun
	return func() []transition { close(stop); return <-result }
}

func pulsePlan(length time.Duration) scorer.Plan {
	plan := static(map[string]float64{"s1": 1, "s3": 0.8})
	plan.Decisions = append(plan.Decisions, scorer.Decision{
		Backend: "s2", Weight: 0.5, State: scorer.StateEjected, Pulse: length,
	})
	return plan
}

func TestPulseLastsAsLongAsItShould(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, 3)
		p := newProxy(t, Config{Socket: in.Socket()})
		b := p.Backend("ws")
		run(t, p)
		watched(t, b)
		apply(t, b, static(map[string]float64{"s1": 1, "s2": 0, "s3": 1}))
		for _, length := range []time.Duration{50 * time.Millisecond, 200 * time.Millisecond, 5 * time.Second} {
			recorded := recordWeight(t, in, "ws/s2")
			inForce := apply(t, b, pulsePlan(length))
			seen := recorded()
			if len(seen) != 3 || seen[0].weight != "0" || seen[1].weight == "0" || seen[2].weight != "0" {
				t.Fatalf("pulse of %v: the weights were %v", length, seen)
			}
			got, want := seen[2].at.Sub(seen[1].at), min(length, maxPulse)
			t.Logf("pulse of %v was %v long", length, got.Round(100*time.Microsecond))
			if got < want-20*time.Millisecond || got > want+100*time.Millisecond {
				t.Errorf("a pulse of %v took %v", want, got)
			}
			if inForce.Shares[1].Applied != 0 {
				t.Errorf("in force after the pulse: %+v", inForce.Shares[1])
			}
		}
		if n := p.Stats().ExternalChanges; n != 0 {
			t.Errorf("pulses were taken for someone's change %d times", n)
		}
	})
}

func TestPulseEndsWhenTheCallerGivesUp(t *testing.T) {
	in := unserved(t, system(t), 3)
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	run(t, p)
	watched(t, b)
	apply(t, b, static(map[string]float64{"s1": 1, "s2": 0, "s3": 1}))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error)
	began := time.Now()
	go func() {
		_, err := b.Apply(ctx, pulsePlan(maxPulse))
		ended <- err
	}()
	until(t, eventually, func() error {
		if weightOf(t, in, "ws/s2") == 0 {
			return errors.New("no pulse")
		}
		return nil
	})
	// The next poll comes after the answer to what has set the weight.
	polls := p.Stats().Polls
	until(t, eventually, func() error {
		if p.Stats().Polls == polls {
			return errors.New("no poll")
		}
		return nil
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("cancelled while the pulse lasted: %v", err)
	}
	if err := wantWeight(t, in, "ws/s2", 0); err != nil {
		t.Error(err)
	}
	if took := time.Since(began); took > maxPulse {
		t.Errorf("took %v", took)
	}
}
