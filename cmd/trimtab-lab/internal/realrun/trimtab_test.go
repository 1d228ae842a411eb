package realrun

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

func TestTrimtabIsToldOfThePoolAsItIs(t *testing.T) {
	s := &simulate.Scenario{Backends: []simulate.Backend{{Name: "a"}, {Name: "b", CapacityHint: 4}, {Name: "c"}}}
	var backends []*backend.Backend
	for range s.Backends {
		b, err := backend.Start(t.Context(), backend.Config{Cores: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = b.Close() }()
		backends = append(backends, b)
	}
	now := []simulate.Condition{simulate.Healthy(), simulate.Healthy(), simulate.Healthy()}
	now[2].Absent = true
	bias := 1.5
	for name, test := range map[string]struct {
		config config
		want   string
	}{
		"haproxy": {config{admin: "127.0.0.1:1", sockets: []string{"/run/1", "/run/2"}, period: 2 * time.Second}, `admin: {listen: "127.0.0.1:1"}
pools:
- name: pool
  backends:
  - {name: "a", address: "A", capacity: 1}
  - {name: "b", address: "B", capacity: 4}
  load: [http: {path: /load, period: 2s}]
  targets:
  - haproxy: {socket: "/run/1", backend: pool}
  - haproxy: {socket: "/run/2", backend: pool}
`},
		"envoy": {config{admin: "127.0.0.1:1", xds: "127.0.0.1:2", proxy: simulate.Proxy{Bias: &bias}}, `admin: {listen: "127.0.0.1:1"}
xds: {listen: "127.0.0.1:2"}
pools:
- name: pool
  backends:
  - {name: "a", address: "A", capacity: 1}
  - {name: "b", address: "B", capacity: 4}
  targets:
  - envoy: {policy: least_request, bias: 1.5}
`},
	} {
		t.Run(name, func(t *testing.T) {
			test.config.scenario, test.config.backends = s, backends
			got := strings.NewReplacer(backends[0].Addr(), "A", backends[1].Addr(), "B").Replace(test.config.text(now))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
