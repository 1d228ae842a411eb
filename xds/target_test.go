package xds

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/discovery"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

func TestNobodyLeftIsNotBelieved(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 2)
	target := envoyTarget(t, s.Server, EnvoyOptions{}, members)
	carryOut(t, target, plan(1, 1))
	before := s.endpoints[target]
	target.SetBackends(nil)
	carryOut(t, target, scorer.Plan{Pool: "web", Seq: 2})
	carryOut(t, target, plan(1, 1))
	if after := s.endpoints[target]; string(after) != string(before) || len(before) == 0 {
		t.Errorf("%d bytes of endpoints after nobody was left, %d before", len(after), len(before))
	}
}

// Endpoints wait for those of every pool, so that a client that reconnects is not
// told that those which are late do not exist.
func TestEndpointsWaitForEachOther(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 2)
	var targets []*Target
	for _, name := range []string{"web", "api"} {
		target, err := s.EnvoyTarget(name, EnvoyOptions{Cluster: resource.ClusterConfig{Name: name}})
		if err != nil {
			t.Fatal(err)
		}
		target.SetBackends(members)
		targets = append(targets, target)
	}
	if err := s.Serve(targets); err != nil {
		t.Fatal(err)
	}
	if _, err := targets[0].Apply(t.Context(), plan(1, 1)); !errors.Is(err, errNotYetSent) {
		t.Errorf("the first pool's endpoints: %v, want %v", err, errNotYetSent)
	}
	carryOut(t, targets[1], plan(1, 1))
	carryOut(t, targets[0], plan(1, 1))
	if !s.open {
		t.Error("endpoints are not published though all are there")
	}
}

func TestTargetsRefuse(t *testing.T) {
	s := serve(t, Options{})
	_, members := backends(t, 1)
	target := envoyTarget(t, s.Server, EnvoyOptions{}, append(members, scorer.Backend{Name: "b2", Address: "host.test:80"}))
	if _, err := target.Apply(t.Context(), plan(1, 1)); err == nil || !strings.Contains(err.Error(), `backend "b2"`) {
		t.Errorf("a host name for an address: %v", err)
	}
	if _, err := s.EnvoyTarget("web", EnvoyOptions{Cluster: resource.ClusterConfig{Name: "web", CloseOnFailure: true}}); err == nil {
		t.Error("connections are closed on failure without a health check")
	}
	tcp := &resource.ListenerConfig{Name: "tcp", Address: "127.0.0.1:0", Cluster: "web", TCP: true}
	target = envoyTarget(t, s.Server, EnvoyOptions{Listener: tcp}, members)
	if out := carryOut(t, target, plan(1)); len(out.Warnings) != 1 || !strings.Contains(out.Warnings[0], "close_connections") {
		t.Errorf("warnings %q", out.Warnings)
	}
}

// A pool knows the algorithm before its first plan, and while nothing can be
// published: round robin's latency is none to learn from.
func TestAlgorithmIsAlwaysKnown(t *testing.T) {
	s := serve(t, Options{})
	grpc, err := s.GRPCTarget("web", "web")
	if err != nil {
		t.Fatal(err)
	}
	roundRobin, err := s.EnvoyTarget("web", EnvoyOptions{
		Cluster: resource.ClusterConfig{Name: "web", Policy: resource.RoundRobin}, Balancing: resource.Balancing{Policy: resource.RoundRobin},
	})
	if err != nil {
		t.Fatal(err)
	}
	leastRequest, err := s.EnvoyTarget("api", EnvoyOptions{Cluster: resource.ClusterConfig{Name: "api"}})
	if err != nil {
		t.Fatal(err)
	}
	for target, want := range map[*Target]scorer.Algorithm{grpc: scorer.RoundRobin, roundRobin: scorer.RoundRobin, leastRequest: scorer.LeastRequest} {
		for when, p := range map[string]scorer.Plan{"before the first plan": {Mode: scorer.DryRun}, "without members": plan(1, 1)} {
			out, err := target.Apply(t.Context(), p)
			if out.Algorithm != want || (err != nil) != (len(p.Decisions) > 0) {
				t.Errorf("%s, %s: algorithm %q, error %v, want %q", target.Name(), when, out.Algorithm, err, want)
			}
		}
	}
}

// New weights do not put off that somebody has not answered.
func TestSilenceIsCountedFromWhatIsUnanswered(t *testing.T) {
	now := time.Now()
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	for name, test := range map[string]struct {
		watch     discovery.Watch
		published time.Time
		want      time.Duration
	}{
		"weights move, and it is silent":            {discovery.Watch{Requested: ago(time.Hour), Unanswered: ago(time.Minute)}, ago(0), time.Minute},
		"it has just been sent something":           {discovery.Watch{Requested: ago(time.Hour), Unanswered: ago(0)}, ago(0), 0},
		"it has said something since":               {discovery.Watch{Requested: ago(time.Second), Unanswered: ago(time.Minute)}, ago(0), time.Second},
		"the new weights have not been sent to it":  {discovery.Watch{Requested: ago(time.Hour)}, ago(3 * time.Second), 3 * time.Second},
		"it has subscribed after the last new ones": {discovery.Watch{Requested: ago(time.Second)}, ago(time.Hour), time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if got := now.Sub(silentSince(test.watch, test.published)); got != test.want {
				t.Errorf("silent for %s, want %s", got, test.want)
			}
		})
	}
}
