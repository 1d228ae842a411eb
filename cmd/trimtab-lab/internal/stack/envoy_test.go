package stack

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/xds"
	"github.com/trimtab-lb/trimtab/xds/instance"
)

func TestEnvoyTellsWhatIsInForce(t *testing.T) {
	s := startedEnvoy(t, EnvoyOptions{Backends: []backend.Config{{Name: "a", Cores: 1}, {Cores: 1}}, Weights: []int{7, 256}})
	if s.Socket != "" {
		t.Errorf("an Envoy has the stats socket %s", s.Socket)
	}
	response, err := http.Get(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	c, _, err := websocket.Dial(t.Context(), "ws://"+s.Addr+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	// Envoy may count a request as open for a moment after its answer is there.
	eventually(t, "one stream of two is open", func() bool {
		got, err := s.Proxy.Servers(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		current, total := 0, 0
		for i := range got {
			current, total = current+got[i].Current, total+got[i].Total
			got[i].Current, got[i].Total = 0, 0
		}
		want := []Server{{Name: "a", Status: "HEALTHY", Weight: 7}, {Name: "s2", Status: "HEALTHY", Weight: 256}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("servers (-want +got):\n%s", diff)
		}
		if total != 2 {
			t.Errorf("%d streams in all, want 2", total)
		}
		return current == 1
	})
}

// An Envoy whose control plane has said nothing yet runs, and knows nobody.
func TestEnvoyTakesEndpointsFromItsControlPlane(t *testing.T) {
	var server *xds.Server
	ended := make(chan error, 1)
	running, stop := context.WithCancel(t.Context())
	var asked []string
	s := startedEnvoy(t, EnvoyOptions{
		Backends: []backend.Config{{Cores: 1}, {Cores: 1}},
		ControlPlane: func(ctx context.Context, backends []*backend.Backend) (string, error) {
			asked = addresses(backends)
			var err error
			if server, err = xds.Listen(ctx, xds.Options{Listen: "127.0.0.1:0"}); err != nil {
				return "", err
			}
			go func() { ended <- server.Run(running) }()
			return server.Addr().String(), nil
		},
	})
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	if diff := cmp.Diff(addresses(s.Backends), asked); diff != "" {
		t.Errorf("the control plane was told of other backends (-want +got):\n%s", diff)
	}
	got, err := s.Proxy.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]Server{{Name: "s1", Status: unknown}, {Name: "s2", Status: unknown}}, got); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
	eventually(t, "Envoy is connected", func() bool { return len(server.Nodes()) == 1 })
}

// Envoy warns of settings that the next release refuses.
func TestEnvoyHasNothingToSayAgainstItsConfiguration(t *testing.T) {
	binary := found(t, instance.Find)
	for name, controlPlane := range map[string]string{"static": "", "xds": "127.0.0.1:18000"} {
		t.Run(name, func(t *testing.T) {
			opts := EnvoyOptions{Backends: farm()}
			if err := opts.setDefaults(); err != nil {
				t.Fatal(err)
			}
			text, err := opts.config([]string{"127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "127.0.0.1:4", "[::1]:5"}, controlPlane, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := instance.Validate(t.Context(), binary, text); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestStartEnvoyRefusesWhatCannotWork(t *testing.T) {
	nowhere := errors.New("no control plane today")
	for name, test := range map[string]struct {
		opts EnvoyOptions
		says string
	}{
		"no backends":      {EnvoyOptions{}, "no backends"},
		"too few weights":  {EnvoyOptions{Backends: farm(), Weights: []int{1}}, "1 weights for 5"},
		"no cores":         {EnvoyOptions{Backends: []backend.Config{{Cores: -1}}}, "stack:"},
		"no control plane": {EnvoyOptions{Backends: farm(), ControlPlane: func(context.Context, []*backend.Backend) (string, error) { return "", nowhere }}, nowhere.Error()},
		"no address":       {EnvoyOptions{Backends: farm(), ControlPlane: func(context.Context, []*backend.Backend) (string, error) { return "edge:1", nil }}, "ip:port"},
		"two masters":      {EnvoyOptions{Backends: farm(), Steered: true, ControlPlane: func(context.Context, []*backend.Backend) (string, error) { return "", nil }}, "not both"},
		"no Envoy":         {EnvoyOptions{Backends: farm(), Binary: "/nonexistent/envoy"}, "/nonexistent/envoy"},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := StartEnvoy(t.Context(), test.opts)
			if err == nil {
				_ = s.Close()
				t.Fatal("it was started")
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v does not say %q", err, test.says)
			}
		})
	}
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("it never happened that %s", what)
		}
	}
}
