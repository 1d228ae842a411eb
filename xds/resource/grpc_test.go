package resource

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestGRPCCarriesWeightsInLocalities(t *testing.T) {
	v, err := NewGRPC("echo", "echo")
	if err != nil {
		t.Fatal(err)
	}
	u := Update{Plan: planOf(4, 2, 1, 1), Kind: scorer.KindConnections, Endpoints: endpointsOf(4)}
	u.Plan.Decisions[3].State = scorer.StateEjected
	served := update(t, v, u)
	got := map[string]uint32{}
	for _, l := range assignmentIn(t, served.Body).GetEndpoints() {
		if n := len(l.GetLbEndpoints()); n != 1 || l.GetLbEndpoints()[0].GetLoadBalancingWeight().GetValue() != 1 {
			t.Errorf("locality %v has %d endpoints: %v", l.GetLocality(), n, l.GetLbEndpoints())
		}
		got[l.GetLocality().GetSubZone()] = l.GetLoadBalancingWeight().GetValue()
	}
	want := map[string]uint32{"b1": 4 * got["b3"], "b2": 2 * got["b3"], "b3": got["b3"]}
	if diff := cmp.Diff(want, got); diff != "" || got["b3"] == 0 {
		t.Errorf("weights of localities (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]float64{12. / 7, 6. / 7, 3. / 7, 0}, sharesIn(served), about); diff != "" {
		t.Errorf("shares in force (-want +got):\n%s", diff)
	}
	if served.InForce.Algorithm != scorer.RoundRobin {
		t.Errorf("algorithm %q", served.InForce.Algorithm)
	}
	if again := update(t, v, u); again.Changed || &again.Body[0] != &served.Body[0] {
		t.Error("nothing new is served again")
	}
}

func TestGRPCServiceIsOneName(t *testing.T) {
	for _, reports := range []bool{false, true} {
		resources, err := GRPCService{Name: "echo", ReportLoad: reports}.Resources()
		if err != nil {
			t.Fatal(err)
		}
		var types []string
		for _, r := range resources {
			if r.Name != "echo" {
				t.Errorf("%s is called %q", r.Type, r.Name)
			}
			types = append(types, r.Type)
		}
		if diff := cmp.Diff([]string{ClusterType, ListenerType, RouteType}, types); diff != "" {
			t.Errorf("types (-want +got):\n%s", diff)
		}
		if asked := clusterIn(t, resources[0]).GetLrsServer().GetSelf() != nil; asked != reports {
			t.Errorf("load reports asked for: %v, want %v", asked, reports)
		}
	}
	if _, err := (GRPCService{}).Resources(); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("error %v for a service without a name", err)
	}
}
