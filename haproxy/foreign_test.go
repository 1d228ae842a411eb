package haproxy

import (
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/scorer"
)

func noteOf(in scorer.InForce, server string) string {
	for _, s := range in.Shares {
		if s.Backend == server {
			return s.Note
		}
	}
	return "no such server"
}

func TestWeightsThatSomeoneElseSets(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		plan := static(map[string]float64{"s1": 1, "s2": 0.5, "s3": 1})
		for _, test := range []struct {
			policy ExternalChanges
			then   int
		}{{Respect, 7}, {Override, 50}} {
			t.Run(string(test.policy), func(t *testing.T) {
				in := unserved(t, binary, 3)
				var log journal
				p := newProxy(t, Config{Socket: in.Socket(), ExternalChanges: test.policy, Logger: log.logger()})
				b := p.Backend("ws")
				w := watched(t, b)
				apply(t, b, plan)
				w.poll(t)

				ask(t, in, "set server ws/s2 weight 7")
				for range 3 {
					w.poll(t)
					inForce := apply(t, b, plan)
					if note := noteOf(inForce, "s2"); test.policy == Respect && !strings.Contains(note, "set to 7 by someone else") {
						t.Errorf("note %q", note)
					}
				}
				if err := wantWeight(t, in, "ws/s2", test.then); err != nil {
					t.Error(err)
				}
				if n := log.count("weight was changed by someone else"); n != 1 {
					t.Errorf("logged %d times", n)
				}
				if n := p.Stats().ExternalChanges; n != 1 {
					t.Errorf("counted %d times", n)
				}

				// Back at what trimtab had set: it is trimtab's again.
				ask(t, in, "set server ws/s2 weight 50")
				w.poll(t)
				apply(t, b, plan)
				inForce := apply(t, b, static(map[string]float64{"s1": 1, "s2": 0.25, "s3": 1}))
				if note := noteOf(inForce, "s2"); note != "" {
					t.Errorf("note %q after it was put back", note)
				}
				if err := wantWeight(t, in, "ws/s2", 25); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

func TestRestoreLeavesAloneWhatIsNotTrimtabs(t *testing.T) {
	in := unserved(t, system(t), 3)
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	w := watched(t, b)
	ask(t, in, "set server ws/s3 weight 30")
	apply(t, b, static(map[string]float64{"s1": 0.8, "s2": 0.5, "s3": 0.3}))
	w.poll(t)
	ask(t, in, "set server ws/s2 weight 7") // trimtab's until now
	ask(t, in, "set server ws/s3 weight 9") // never trimtab's
	w.poll(t)
	if err := b.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	for server, want := range map[string]int{"ws/s1": 100, "ws/s2": 7, "ws/s3": 9} {
		if err := wantWeight(t, in, server, want); err != nil {
			t.Error(err)
		}
	}
}

func TestDryRunChangesNothing(t *testing.T) {
	in := unserved(t, system(t), 2)
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	plan := static(map[string]float64{"s1": 1, "s2": 0.5})
	plan.Mode = scorer.DryRun
	inForce := apply(t, b, plan)
	if len(inForce.Shares) != 2 || inForce.Shares[1].Applied != 100 || inForce.Algorithm != scorer.LeastConnections {
		t.Errorf("in force %+v", inForce)
	}
	if err := wantWeight(t, in, "ws/s2", 100); err != nil {
		t.Error(err)
	}
}

// A weight that trimtab has never set may be changed by hand, too.
func TestAWeightThatWasNeverSetIsForeignToo(t *testing.T) {
	in := unserved(t, system(t), 3)
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	w := watched(t, b)
	plan := static(map[string]float64{"s1": 1, "s2": 1, "s3": 1}) // as they are: nothing is sent
	apply(t, b, plan)
	w.poll(t)
	ask(t, in, "set server ws/s2 weight 7")
	w.poll(t)
	for range 2 {
		if note := noteOf(apply(t, b, plan), "s2"); !strings.Contains(note, "set to 7 by someone else") {
			t.Errorf("note %q", note)
		}
	}
	if err := wantWeight(t, in, "ws/s2", 7); err != nil {
		t.Error(err)
	}
}

// A server that is found with weight 0 was closed by a person, unless the plan
// wants it out.
func TestFoundClosed(t *testing.T) {
	for _, test := range []struct {
		name    string
		changes ExternalChanges
		state   scorer.State
		then    int
	}{
		{"by a person", Respect, scorer.StateReady, 0},
		{"by a person, overridden", Override, scorer.StateReady, 100},
		{"by a trimtab that has ejected it", Respect, scorer.StateEjected, 100},
	} {
		t.Run(test.name, func(t *testing.T) {
			in := unserved(t, system(t), 3)
			ask(t, in, "set server ws/s2 weight 0")
			p := newProxy(t, Config{Socket: in.Socket(), ExternalChanges: test.changes})
			b := p.Backend("ws")
			w := watched(t, b)
			first := static(map[string]float64{"s1": 1, "s2": 1, "s3": 1})
			if first.Decisions[1].State = test.state; test.state == scorer.StateEjected {
				first.Decisions[1].Weight = 0
			}
			note := noteOf(apply(t, b, first), "s2")
			if left := strings.Contains(note, "had weight 0 when it was found"); left != (test.changes == Respect && test.state == scorer.StateReady) {
				t.Errorf("note %q", note)
			}
			w.poll(t)
			plan := static(map[string]float64{"s1": 1, "s2": 1, "s3": 1})
			apply(t, b, plan)
			w.poll(t)
			apply(t, b, plan)
			if err := wantWeight(t, in, "ws/s2", test.then); err != nil {
				t.Error(err)
			}
			if test.then != 0 {
				return
			}
			// Somebody opens it again: from then on it is like any other.
			ask(t, in, "set server ws/s2 weight 100")
			w.poll(t)
			if note := noteOf(apply(t, b, plan), "s2"); note != "" {
				t.Errorf("note %q after it was opened", note)
			}
		})
	}
}

// An order counts more than a hand, on whichever server it is.
func TestAnOrderCountsMoreThanAHand(t *testing.T) {
	in := unserved(t, system(t), 3)
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	w := watched(t, b)
	plan := static(map[string]float64{"s1": 1, "s2": 1, "s3": 1})
	apply(t, b, plan)
	w.poll(t)
	ask(t, in, "set server ws/s2 weight 7")
	w.poll(t)
	apply(t, b, plan)
	drained := static(map[string]float64{"s1": 1, "s2": 1, "s3": 1})
	d := &drained.Decisions[1]
	d.State, d.Weight, d.Drained = scorer.StateDraining, 0, true
	apply(t, b, drained)
	if err := wantWeight(t, in, "ws/s2", 0); err != nil {
		t.Error(err)
	}
	// It stays out when trimtab goes and puts weights back.
	if err := b.Restore(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := wantWeight(t, in, "ws/s2", 0); err != nil {
		t.Errorf("after Restore: %v", err)
	}
}
