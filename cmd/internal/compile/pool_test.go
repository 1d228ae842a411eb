package compile

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

func TestPools(t *testing.T) {
	f := parsed(t, `
name: test
duration: 60s
proxies: 2
proxy: {kind: envoy, balance: round_robin}
backends: [{name: a, count: 2, cores: 2}, {name: b, cores: 4}]
pools:
  - {name: api, backends: [b, {name: a, weight: 3}]}
  - {name: batch, backends: [a-2, b], proxies: 1, proxy: {balance: random(2)}}
  - {name: chat, proxy: {kind: envoy, balance: round_robin}}
traffic:
  - {kind: requests, pool: batch, utilization: 0.5, demand: 100ms}
  - {kind: websockets, pool: chat, clients: 3}
  - {kind: requests, pool: api, rate: 7/s, demand: 100ms}
`)
	m, err := Match(f, 1)
	if err != nil {
		t.Fatal(err)
	}
	s := m.Scenario
	random := Proxy(*f.Pools[1].Proxy)
	want := []simulate.Pool{
		{Name: "api", Members: []simulate.Member{{Backend: 2}, {Backend: 0, Weight: 3}, {Backend: 1, Weight: 3}}, Proxies: 2},
		{Name: "batch", Members: []simulate.Member{{Backend: 1}, {Backend: 2}}, Proxies: 1, Proxy: &random},
		{Name: "chat", Members: []simulate.Member{{Backend: 0}, {Backend: 1}, {Backend: 2}}, Proxies: 2},
	}
	if diff := cmp.Diff(want, s.Pools); diff != "" {
		t.Errorf("pools (-want +got):\n%s", diff)
	}
	if got, want := []int{s.Requests[0].Pool, s.Requests[1].Pool, s.Sockets[0].Pool}, []int{1, 0, 2}; !cmp.Equal(got, want) {
		t.Errorf("traffic goes to %v, want %v", got, want)
	}
	// Half of six cores' work, not of eight's.
	if got := s.Requests[0].Rate(0); got != 30 {
		t.Errorf("%v requests a second, want 30", got)
	}
	for behind, want := range map[string]string{
		Behind(f):                           "envoy/round_robin + haproxy/random(2)",
		Behind(f.Behind(f.Proxy)):           "envoy/round_robin",
		Behind(f.Behind(*f.Pools[1].Proxy)): "haproxy/random(2)",
	} {
		if behind != want {
			t.Errorf("behind %s, want %s", behind, want)
		}
	}
	if one := Scenario(minimal(t, "{name: a, cores: 1}", "")); one.Pools != nil {
		t.Errorf("a file without pools has %+v", one.Pools)
	}
}
