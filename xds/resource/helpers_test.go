package resource

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"github.com/trimtab-lb/trimtab/scorer"
	"google.golang.org/protobuf/proto"
)

// planOf is a plan of ready backends b1, b2, … with these weights, whose
// utilization nobody reports.
func planOf(weights ...float64) scorer.Plan {
	p := scorer.Plan{Pool: "ws", Law: scorer.LawCapacity, At: time.Unix(0, 0)}
	for i, w := range weights {
		p.Decisions = append(p.Decisions, scorer.Decision{
			Backend: name(i), Weight: w, State: scorer.StateReady,
			InFlight: math.NaN(), Utilization: math.NaN(),
		})
	}
	slices.SortFunc(p.Decisions, func(a, b scorer.Decision) int { return strings.Compare(a.Backend, b.Backend) })
	return p
}

func name(i int) string { return fmt.Sprintf("b%d", i+1) }

func endpointsOf(n int) []Endpoint {
	out := make([]Endpoint, n)
	for i := range out {
		out[i] = Endpoint{Backend: name(i), Address: fmt.Sprintf("10.0.%d.%d:8080", i/250, i%250+1)}
	}
	return out
}

func envoyOf(t testing.TB, balancing Balancing) *Envoy {
	t.Helper()
	v, err := NewEnvoy(EnvoyConfig{Pool: "ws", Service: "ws", Balancing: balancing})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func update(t testing.TB, v interface{ Update(Update) (Served, error) }, u Update) Served {
	t.Helper()
	served, err := v.Update(u)
	if err != nil {
		t.Fatal(err)
	}
	return served
}

func assignmentIn(t testing.TB, body []byte) *endpointv3.ClusterLoadAssignment {
	t.Helper()
	out := &endpointv3.ClusterLoadAssignment{}
	if err := proto.Unmarshal(body, out); err != nil {
		t.Fatal(err)
	}
	if err := out.ValidateAll(); err != nil {
		t.Fatal(err)
	}
	return out
}

func clusterIn(t testing.TB, r Resource) *clusterv3.Cluster {
	t.Helper()
	out := &clusterv3.Cluster{}
	if err := proto.Unmarshal(r.Body, out); err != nil {
		t.Fatal(err)
	}
	return out
}

// line is an endpoint in short: its port's host, its weight, "draining" or "".
type line struct {
	Address string
	Weight  uint32
	Health  string
}

// lines are the endpoints of an assignment.
func lines(t testing.TB, body []byte) []line {
	t.Helper()
	var out []line
	for _, l := range assignmentIn(t, body).GetEndpoints() {
		for _, e := range l.GetLbEndpoints() {
			health := ""
			if e.GetHealthStatus() != 0 {
				health = e.GetHealthStatus().String()
			}
			out = append(out, line{
				e.GetEndpoint().GetAddress().GetSocketAddress().GetAddress(),
				e.GetLoadBalancingWeight().GetValue(), health,
			})
		}
	}
	return out
}

// ratios are the weights over the last one.
func ratios(in []line) []float64 {
	out := make([]float64, len(in))
	for i := range in {
		out[i] = float64(in[i].Weight) / float64(in[len(in)-1].Weight)
	}
	return out
}

func sharesIn(s Served) []float64 {
	out := make([]float64, len(s.InForce.Shares))
	for i := range out {
		out[i] = s.InForce.Shares[i].Weight
	}
	return out
}
