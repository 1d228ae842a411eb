package haproxy

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestReloadThatChangesTheBackendIsTakenUp(t *testing.T) {
	const leastconn = "backend ws\n  balance leastconn\n"
	onEach(t, func(t *testing.T, binary string) {
		in := start(t, instance.Options{
			Binary: binary, MasterWorker: true,
			Config: preamble + leastconn + serverLines(3, "weight 100"),
		})
		p := newProxy(t, Config{Socket: in.Socket(), ConfigFile: in.ConfigFile()})
		b := p.Backend("ws")
		run(t, p)
		newest := roster(t, b)
		for _, step := range []struct {
			name, backend string
			servers       []string
			algorithm     scorer.Algorithm
			err           error
		}{
			{"as it was", leastconn + serverLines(3, "weight 100"), []string{"s1", "s2", "s3"}, scorer.LeastConnections, nil},
			{"a server more", leastconn + serverLines(4, "weight 100"), []string{"s1", "s2", "s3", "s4"}, scorer.LeastConnections, nil},
			{"servers gone", leastconn + serverLines(2, "weight 100"), []string{"s1", "s2"}, scorer.LeastConnections, nil},
			{"others in their place", leastconn + "  server a 127.0.0.1:1 weight 100\n  server s2 127.0.0.1:1 weight 100\n", []string{"a", "s2"}, scorer.LeastConnections, nil},
			{"another algorithm", "backend ws\n  balance roundrobin\n" + serverLines(2, "weight 100"), []string{"s1", "s2"}, scorer.RoundRobin, nil},
			{"an algorithm that only the file names", "backend ws\n  balance random(1)\n" + serverLines(2, "weight 100"), []string{"s1", "s2"}, scorer.RoundRobin, nil},
			{"one that takes no weights", "backend ws\n  balance source\n" + serverLines(2, "weight 100"), []string{"s1", "s2"}, scorer.FixedWeights, ErrStaticAlgorithm},
			{"no such backend", "backend other\n  balance leastconn\n" + serverLines(2, "weight 100"), nil, scorer.AlgorithmUnknown, ErrNoSuchBackend},
			{"back again", leastconn + serverLines(3, "weight 100"), []string{"s1", "s2", "s3"}, scorer.LeastConnections, nil},
		} {
			if err := in.WriteConfig(preamble + step.backend); err != nil {
				t.Fatal(err)
			}
			reload(t, in)
			weights := map[string]float64{}
			for i, name := range step.servers {
				weights[name] = 1 - float64(i)/10
			}
			plan := static(weights)
			until(t, eventually, func() error {
				var names []string
				for _, m := range newest() {
					names = append(names, m.Name)
				}
				if diff := cmp.Diff(step.servers, names); diff != "" {
					return fmt.Errorf("%s: members: (-want +got)\n%s", step.name, diff)
				}
				inForce, err := b.Apply(t.Context(), plan)
				if !errors.Is(err, step.err) || (err != nil && step.err == nil) {
					return fmt.Errorf("%s: %w", step.name, err)
				}
				if inForce.Algorithm != step.algorithm {
					return fmt.Errorf("%s: algorithm %q", step.name, inForce.Algorithm)
				}
				if step.err != nil {
					return nil
				}
				highest := float64(weightOf(t, in, "ws/"+step.servers[0]))
				for _, name := range step.servers {
					if got, want := float64(weightOf(t, in, "ws/"+name)), highest*weights[name]; math.Abs(got-want) > 1 {
						return fmt.Errorf("%s: weight of %s is %g, want %g", step.name, name, got, want)
					}
				}
				return nil
			})
		}
		if n := p.Stats().ExternalChanges; n != 0 {
			t.Errorf("%d weights were taken for someone's change", n)
		}
	})
}
