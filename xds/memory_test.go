package xds

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/xds/resource"
)

// saved is what a file gives back of a target's memory.
func saved(t *testing.T, target *Target) Memory {
	t.Helper()
	m, ok := target.Memory()
	if !ok {
		t.Fatal("the target has nothing to remember")
	}
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out Memory
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNextProcessServesTheSame(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 4)
	before := envoyTarget(t, s.Server, EnvoyOptions{}, members)
	if _, ok := before.Memory(); ok {
		t.Error("something is remembered before anything was served")
	}
	carryOut(t, before, plan(2, 1, 0.6, 0.4))
	// b4 leaves while trimtab runs, and b3 while it does not.
	before.SetBackends(members[:3])
	carryOut(t, before, plan(2, 1, 0.6))
	want := endpoints(t, s.Server, before)
	want[members[2].Address] = "DRAINING"

	next := serve(t, Options{})
	after, err := next.EnvoyTarget("web", EnvoyOptions{Cluster: resource.ClusterConfig{Name: "web"}, Balancing: before.balancing})
	if err != nil {
		t.Fatal(err)
	}
	after.Recall(saved(t, before))
	if err := next.Serve([]*Target{after}); err != nil {
		t.Fatal(err)
	}
	after.SetBackends(members[:2])
	carryOut(t, after, plan(2, 1))
	if diff := cmp.Diff(want, endpoints(t, next.Server, after)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(before.served.Memory().Weights["b1"], after.served.Memory().Weights["b1"]); diff != "" {
		t.Errorf("weight of b1 (-before +after):\n%s", diff)
	}
}

// Nobody holds connections of yesterday, and a file may say anything.
func TestRecallBelievesLittle(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 1)
	for name, m := range map[string]Memory{
		"old": {At: time.Now().Add(-2 * unknownFor), Members: []MemberMemory{{Backend: "b2", Address: "127.0.0.1:1"}}},
		"nonsense": {
			At: time.Now(), Members: []MemberMemory{{Backend: "", Address: "127.0.0.1:1"}, {Backend: "b2", Address: "localhost"}},
			Departed: []MemberMemory{{Backend: "b3"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			target, err := s.EnvoyTarget("web", EnvoyOptions{Cluster: resource.ClusterConfig{Name: "web"}, Balancing: resource.DefaultBalancing()})
			if err != nil {
				t.Fatal(err)
			}
			target.Recall(m)
			if err := s.Serve([]*Target{target}); err != nil {
				t.Fatal(err)
			}
			target.SetBackends(members)
			carryOut(t, target, plan(1))
			if got, want := fmt.Sprint(endpoints(t, s.Server, target)), fmt.Sprint(map[string]string{members[0].Address: "UNKNOWN"}); got != want {
				t.Errorf("served %s, want %s", got, want)
			}
		})
	}
}

// A pool that a reload has renamed goes on with what its cluster was served.
func TestARenamedPoolServesTheSame(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 3)
	before := envoyTarget(t, s.Server, EnvoyOptions{}, members)
	carryOut(t, before, plan(1.1, 1, 0.9))
	carryOut(t, before, plan(2, 1, 0.6))
	carryOut(t, before, plan(1.08, 1, 0.95)) // near enough to stay unequal
	was := string(s.endpoints[before])
	after, err := s.EnvoyTarget("shop", EnvoyOptions{Cluster: resource.ClusterConfig{Name: "web"}, Balancing: before.balancing})
	if err != nil {
		t.Fatal(err)
	}
	after.Succeed(before)
	if err := s.Serve([]*Target{after}); err != nil {
		t.Fatal(err)
	}
	carryOut(t, after, plan(1.08, 1, 0.95))
	if string(s.endpoints[after]) != was {
		t.Error("other bytes are served")
	}
}
