package xds

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// asker is a client that asks for endpoints, and answers as a test says.
type asker struct {
	t      testing.TB
	stream discoveryv3.AggregatedDiscoveryService_StreamAggregatedResourcesClient
	names  []string
}

func asks(t testing.TB, s *serving, node, agent string, names ...string) *asker {
	t.Helper()
	conn, err := grpc.NewClient(s.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(func() { cancel(); _ = conn.Close() })
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).StreamAggregatedResources(ctx)
	if err != nil {
		t.Fatal(err)
	}
	a := &asker{t: t, stream: stream, names: names}
	a.send(&discoveryv3.DiscoveryRequest{Node: &corev3.Node{Id: node, UserAgentName: agent}})
	until(t, func() error {
		for _, n := range s.Nodes() {
			if n.ID == node {
				return nil
			}
		}
		return errors.New("the request has not come")
	})
	return a
}

func (a *asker) send(r *discoveryv3.DiscoveryRequest) {
	a.t.Helper()
	r.TypeUrl, r.ResourceNames = resource.AssignmentType, a.names
	if err := a.stream.Send(r); err != nil {
		a.t.Fatal(err)
	}
}

// answer reads a response and answers it; a complaint makes that a NACK.
func (a *asker) answer(complaint string) {
	a.t.Helper()
	response, err := a.stream.Recv()
	if err != nil {
		a.t.Fatal(err)
	}
	r := &discoveryv3.DiscoveryRequest{ResponseNonce: response.Nonce}
	if complaint != "" {
		r.ErrorDetail = &statuspb.Status{Code: 3, Message: complaint}
	} else {
		r.VersionInfo = response.VersionInfo
	}
	a.send(r)
}

// pools are Envoy targets that are served and have had their first plan.
func pools(t testing.TB, s *serving, names ...string) map[string]*Target {
	t.Helper()
	_, members := backends(t, 2)
	out := map[string]*Target{}
	var all []*Target
	for _, name := range names {
		target, err := s.EnvoyTarget(name, EnvoyOptions{Cluster: resource.ClusterConfig{Name: name}})
		if err != nil {
			t.Fatal(err)
		}
		target.SetBackends(members)
		out[name], all = target, append(all, target)
	}
	if err := s.Serve(all); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first round waits for all
		for _, target := range all {
			if _, err := target.Apply(t.Context(), plan(1, 1)); err != nil && !errors.Is(err, errNotYetSent) && !errors.Is(err, errNobody) {
				t.Fatal(err)
			}
		}
	}
	return out
}

func again(t testing.TB, target *Target, p scorer.Plan) (scorer.InForce, string) {
	t.Helper()
	out, err := target.Apply(t.Context(), p)
	if err != nil {
		return out, err.Error()
	}
	return out, ""
}

// Whoever asks for something else is not taken for a client of the pool, and a
// name that nobody has is shown where one is missed.
func TestMistypedClusterIsNamed(t *testing.T) {
	s := serve(t, Options{})
	targets := pools(t, s, "api", "web")
	asks(t, s, "edge-7", "envoy", "api", "wbe").answer("")
	until(t, func() error {
		if _, trouble := again(t, targets["api"], plan(1, 1)); trouble != "" {
			return errors.New(trouble)
		}
		return nil
	})
	out, trouble := again(t, targets["web"], plan(1, 1))
	if want := `envoy:web: nobody asks for its endpoints; node edge-7 asks for "wbe", which no pool has`; trouble != want {
		t.Errorf("trouble %q, want %q", trouble, want)
	}
	if len(out.Shares) != 0 {
		t.Errorf("shares %+v are in force with nobody", out.Shares)
	}
	asks(t, s, "edge-8", "envoy", "w1", "w2", "w3", "w4").t.Log("asks for more")
	if _, trouble := again(t, targets["web"], plan(1, 1)); !strings.HasSuffix(trouble, "; and there are more such names") ||
		strings.Count(trouble, "which no pool has") != 3 {
		t.Errorf("trouble %q", trouble)
	}
}

// What a client does not take of one pool is no trouble of another one.
func TestRejectionIsOfOnePool(t *testing.T) {
	s := serve(t, Options{})
	targets := pools(t, s, "api", "web")
	client := asks(t, s, "edge-1", "envoy", "api", "web")
	client.answer("")
	for _, target := range targets {
		until(t, func() error {
			if _, trouble := again(t, target, plan(1, 1)); trouble != "" {
				return errors.New(trouble)
			}
			return nil
		})
	}
	if _, trouble := again(t, targets["web"], plan(1.5, 0.5)); trouble != "" {
		t.Errorf("trouble %q before the answer", trouble)
	}
	client.answer("no such weight")
	until(t, func() error {
		_, web := again(t, targets["web"], plan(1.5, 0.5))
		_, api := again(t, targets["api"], plan(1, 1))
		if api != "" || !strings.Contains(web, "node edge-1 rejects its endpoints: no such weight") {
			return fmt.Errorf("api: %q, web: %q", api, web)
		}
		return nil
	})
	// The other pool goes on.
	if _, trouble := again(t, targets["api"], plan(0.5, 1.5)); trouble != "" {
		t.Errorf("trouble %q", trouble)
	}
	client.answer("")
	until(t, func() error {
		list := s.discovery.Watching(viewEnvoy, resource.AssignmentType, "api")
		if len(list) != 1 || list[0].Due || list[0].Rejected != nil {
			return fmt.Errorf("watches %+v", list)
		}
		return nil
	})
	if targets["api"].unanswered() || targets["web"].unanswered() {
		t.Error("an answer is waited for")
	}
}

// A client that does not answer holds up the pools that it asks for.
func TestUnansweredIsOfOnePool(t *testing.T) {
	s := serve(t, Options{})
	targets := pools(t, s, "api", "web")
	asks(t, s, "edge-1", "envoy", "api")
	asks(t, s, "edge-2", "envoy", "web").answer("")
	until(t, func() error {
		if targets["web"].unanswered() || !targets["api"].unanswered() {
			return errors.New("it is the wrong pool that waits")
		}
		return nil
	})
}

// Who only looks is no client.
func TestObserversAreNotWaitedFor(t *testing.T) {
	for _, agent := range []string{Observer, "grpc-" + Observer} {
		t.Run(agent, func(t *testing.T) {
			s := serve(t, Options{})
			target := pools(t, s, "web")["web"]
			asks(t, s, "edge-1", agent, "web", "wbe")
			if agent != Observer {
				target.view = viewGRPC
			}
			if _, err := target.Apply(t.Context(), plan(1, 1)); !errors.Is(err, errNobody) {
				t.Errorf("trouble %v, want %v", err, errNobody)
			}
			if target.unanswered() {
				t.Error("it is waited for")
			}
			if nodes := s.Nodes(); len(nodes) != 1 || !nodes[0].Observer {
				t.Errorf("nodes %+v", nodes)
			}
		})
	}
}
