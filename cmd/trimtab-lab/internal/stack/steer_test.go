package stack

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// inForce waits until the proxy says that.
func inForce(t *testing.T, s *Stack, want []Server) {
	t.Helper()
	var got []Server
	eventually(t, "the proxy has what it was told", func() bool {
		var err error
		if got, err = s.Proxy.Servers(t.Context()); err != nil {
			t.Fatal(err)
		}
		return cmp.Equal(want, got, cmpopts.IgnoreFields(Server{}, "Current", "Total"))
	})
}

func steer(t *testing.T, s *Stack, to ...Endpoint) {
	t.Helper()
	if err := s.Steer(t.Context(), to); err != nil {
		t.Fatal(err)
	}
}

func TestSteersHAProxy(t *testing.T) {
	s := started(t, HAProxyOptions{Backends: []backend.Config{{Cores: 1}, {Cores: 1}}, Weights: []int{10, 20}, EachServer: []string{"", "maxconn 50"}})
	steer(t, s, Endpoint{Backend: "s1", Weight: 7}, Endpoint{Backend: "s2", Weight: -1, Absent: true})
	inForce(t, s, []Server{{Name: "s1", Status: "no check", Weight: 7}, {Name: "s2", Status: "MAINT", Weight: 20}})
	steer(t, s, Endpoint{Backend: "s1", Weight: 0}, Endpoint{Backend: "s2", Weight: 256})
	inForce(t, s, []Server{{Name: "s1", Status: "no check"}, {Name: "s2", Status: "no check", Weight: 256}})
	if err := s.Steer(t.Context(), []Endpoint{{Backend: "nobody", Weight: 1}}); err == nil {
		t.Error("HAProxy has taken a weight for nobody")
	}
}

func TestSteersEnvoy(t *testing.T) {
	s := startedEnvoy(t, EnvoyOptions{Backends: []backend.Config{{Cores: 1}, {Cores: 1}}, Weights: []int{10, 20}, Steered: true, HealthCheck: true})
	inForce(t, s, []Server{{Name: "s1", Status: "HEALTHY", Weight: 10}, {Name: "s2", Status: "HEALTHY", Weight: 20}})
	steer(t, s, Endpoint{Backend: "s1", Weight: 700}, Endpoint{Backend: "s2", Weight: 20, Absent: true})
	inForce(t, s, []Server{{Name: "s1", Status: "HEALTHY", Weight: 700}, {Name: "s2", Status: unknown}})
	steer(t, s, Endpoint{Backend: "s1", Weight: 0}, Endpoint{Backend: "s2", Weight: 20})
	inForce(t, s, []Server{{Name: "s1", Status: "DRAINING", Weight: 1}, {Name: "s2", Status: "HEALTHY", Weight: 20}})
	if warned := s.Proxy.(*envoy).Warnings(); warned != "" {
		t.Errorf("Envoy warns:\n%s", warned)
	}
}

func TestWhoIsNotSteeredSaysSo(t *testing.T) {
	s := startedEnvoy(t, EnvoyOptions{Backends: []backend.Config{{Cores: 1}}})
	if err := s.Steer(t.Context(), []Endpoint{{Backend: "s1", Weight: 1}}); !errors.Is(err, ErrNotSteered) || s.Steered() {
		t.Errorf("got %v", err)
	}
}

// Several proxies share backends, which outlive them.
func TestProxiesShareBackends(t *testing.T) {
	backends, err := StartBackends(t.Context(), []backend.Config{{Name: "a", Cores: 1}})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s := started(t, HAProxyOptions{Running: backends})
		if diff := cmp.Diff(addresses(backends), addresses(s.Backends)); diff != "" {
			t.Errorf("other backends (-want +got):\n%s", diff)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := backends[0].SetFaults(context.Background(), backend.Faults{}); err != nil {
			t.Errorf("the backend is closed: %v", err)
		}
	}
	if err := CloseBackends(backends); err != nil {
		t.Error(err)
	}
}
