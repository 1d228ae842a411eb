package realrun

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestWhoCanRunWhere(t *testing.T) {
	reported := simulate.Scenario{Name: "s", Backends: []simulate.Backend{{Name: "a", Cores: 1, Speed: 1}}, Proxies: 1, Reports: simulate.DefaultReports()}
	silent := reported
	silent.Reports = nil
	haproxy := simulate.Proxy{Kind: simulate.KindHAProxy, Algorithm: scorer.LeastConnections}
	envoy := simulate.Proxy{Kind: simulate.KindEnvoy, Algorithm: scorer.LeastRequest}
	for name, test := range map[string]struct {
		opts Options
		runs []string
	}{
		"haproxy": {
			Options{Scenario: reported, Proxy: haproxy, Trimtab: "trimtab"},
			[]string{"roundrobin", "leastconn", "equal", "omniscient", "truth", "agent-check", "a58", "utilization", "trimtab", "trimtab-noreports"},
		},
		"envoy": {
			Options{Scenario: reported, Proxy: envoy, Trimtab: "trimtab"},
			[]string{"roundrobin", "leastconn", "equal", "omniscient", "truth", "a58", "utilization", "orca", "trimtab", "trimtab-noreports"},
		},
		"without reports or trimtab": {
			Options{Scenario: silent, Proxy: envoy},
			[]string{"roundrobin", "leastconn", "equal", "omniscient", "truth"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var runs []string
			for _, p := range simulate.Policies() {
				_, err := test.opts.entryOf(p)
				switch {
				case err == nil:
					runs = append(runs, p.Name)
				case !errors.Is(err, simulate.ErrNotApplicable):
					t.Errorf("%s: %v", p.Name, err)
				}
			}
			if diff := cmp.Diff(test.runs, runs); diff != "" {
				t.Errorf("policies (-want +got):\n%s", diff)
			}
		})
	}
}
