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

// transition is a weight that a server was seen to have: since when it surely had,
// and when it was asked for last that surely had it.
type transition struct {
	weight     string
	at, newest time.Time
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
			asked := time.Now()
			reply, err := askSocket(in.Socket(), "get weight "+server)
			weight, _, _ := strings.Cut(reply, " ")
			if err != nil {
				continue
			}
			if len(seen) == 0 || seen[len(seen)-1].weight != weight {
				seen = append(seen, transition{weight: weight, at: time.Now()})
				if len(seen) == 1 {
					close(begun)
				}
			}
			seen[len(seen)-1].newest = asked
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

// attempts is how often something is measured that a pause of this program, of
// HAProxy or of who measures makes longer: the shortest counts.
const attempts = 20

// pulsed has a pulse carried out and returns how long it was seen to last, at least
// and at most; false where the pulse was over before anybody looked.
func pulsed(t *testing.T, in *instance.Instance, b *Backend, length time.Duration) (least, most time.Duration, ok bool) {
	t.Helper()
	recorded := recordWeight(t, in, "ws/s2")
	inForce := apply(t, b, pulsePlan(length))
	seen := recorded()
	if inForce.Shares[1].Applied != 0 {
		t.Errorf("in force after the pulse: %+v", inForce.Shares[1])
	}
	if len(seen) == 1 && seen[0].weight == "0" {
		return 0, 0, false
	}
	if len(seen) != 3 || seen[0].weight != "0" || seen[1].weight == "0" || seen[2].weight != "0" {
		t.Fatalf("pulse of %v: the weights were %v", length, seen)
	}
	return seen[1].newest.Sub(seen[1].at), seen[2].at.Sub(seen[0].newest), true
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
			want, shortest := min(length, maxPulse), time.Hour
			for range attempts {
				least, most, ok := pulsed(t, in, b, length)
				if !ok {
					continue
				}
				if most < want {
					t.Fatalf("a pulse of %v took %v at most", want, most)
				}
				if shortest = min(shortest, least); shortest <= want+100*time.Millisecond && most <= want+100*time.Millisecond {
					break
				}
			}
			t.Logf("pulse of %v was seen for %v", length, shortest.Round(100*time.Microsecond))
			if shortest > want+100*time.Millisecond {
				t.Errorf("a pulse of %v took %v", want, shortest)
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
	shortest := time.Hour
	for range attempts {
		if shortest = min(shortest, givenUp(t, in, b)); shortest < maxPulse {
			return
		}
	}
	t.Errorf("took %v", shortest)
}

// givenUp gives a pulse up while it lasts and returns how long all of it took.
func givenUp(t *testing.T, in *instance.Instance, b *Backend) time.Duration {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	began := time.Now()
	go func() {
		_, err := b.Apply(ctx, pulsePlan(maxPulse))
		ended <- err
	}()
	over := func() bool { return len(ended) > 0 }
	until(t, eventually, func() error {
		if !over() && weightOf(t, in, "ws/s2") == 0 {
			return errors.New("no pulse")
		}
		return nil
	})
	// The next poll comes after the answer to what has set the weight.
	stats := b.proxy.Stats
	polls := stats().Polls
	until(t, eventually, func() error {
		if !over() && stats().Polls == polls {
			return errors.New("no poll")
		}
		return nil
	})
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("cancelled while the pulse lasted: %v", err)
	}
	took := time.Since(began)
	if err := wantWeight(t, in, "ws/s2", 0); err != nil {
		t.Error(err)
	}
	return took
}
