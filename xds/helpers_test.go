package xds

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/instance"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// patience is how long a test waits for what must come: a machine may be held up.
const patience = 30 * time.Second

// journal is a log that a test can read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// serving is a server that answers until the test, or stop, ends it.
type serving struct {
	*Server
	stop func()
}

func serve(t testing.TB, o Options) *serving {
	t.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	s, err := Listen(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	out := &serving{Server: s, stop: sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})}
	t.Cleanup(out.stop)
	return out
}

// backend is one that counts and can hold WebSockets.
type backend struct {
	scorer.Backend
	*httptest.Server
	requests, open atomic.Int64
}

func backends(t testing.TB, n int) (list []*backend, members []scorer.Backend) {
	t.Helper()
	for i := range n {
		b := &backend{}
		b.Server = httptest.NewServer(b)
		t.Cleanup(b.CloseClientConnections)
		t.Cleanup(b.Close)
		b.Backend = scorer.Backend{Name: fmt.Sprintf("b%d", i+1), Address: b.Listener.Addr().String(), Capacity: 1}
		list, members = append(list, b), append(members, b.Backend)
	}
	return list, members
}

func (b *backend) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.requests.Add(1)
	if r.Header.Get("Upgrade") == "" {
		_, _ = io.WriteString(w, b.Name)
		return
	}
	c, err := websocket.Accept(w, r, nil)
	if err != nil {
		return
	}
	b.open.Add(1)
	defer b.open.Add(-1)
	for {
		kind, text, err := c.Read(r.Context())
		if err != nil {
			return
		}
		if err := c.Write(r.Context(), kind, text); err != nil {
			return
		}
	}
}

// plan is one that shares work by these weights among b1, b2, ….
func plan(weights ...float64) scorer.Plan {
	p := scorer.Plan{Pool: "web", Seq: 1, At: time.Now(), Law: scorer.LawCapacity, Kind: scorer.KindRequests}
	for i, w := range weights {
		d := scorer.Decision{Backend: fmt.Sprintf("b%d", i+1), InFlight: math.NaN(), Utilization: math.NaN()}
		d.Weight, d.State = w, scorer.StateReady
		if w == 0 {
			d.State, d.Drained = scorer.StateDraining, true
		}
		p.Decisions = append(p.Decisions, d)
	}
	return p
}

func envoyTarget(t testing.TB, s *Server, o EnvoyOptions, members []scorer.Backend) *Target {
	t.Helper()
	if o.Cluster.Name == "" {
		o.Cluster.Name = "web"
	}
	if o.Balancing.Policy == "" {
		o.Balancing = o.Cluster.Balancing()
	}
	target, err := s.EnvoyTarget("web", o)
	if err != nil {
		t.Fatal(err)
	}
	target.SetBackends(members)
	if err := s.Serve([]*Target{target}); err != nil {
		t.Fatal(err)
	}
	return target
}

// edge is a listener of the pool's on any port.
func edge() *resource.ListenerConfig {
	return &resource.ListenerConfig{Name: "web", Address: "127.0.0.1:0", Cluster: "web"}
}

// carryOut applies a plan, whoever is connected.
func carryOut(t testing.TB, target *Target, p scorer.Plan) scorer.InForce {
	t.Helper()
	out, err := target.Apply(t.Context(), p)
	if err != nil && !errors.Is(err, errNobody) && !errors.Is(err, errUnwatched) {
		t.Fatal(err)
	}
	return out
}

func bootstrap(t testing.TB, s *Server, c resource.BootstrapConfig) string {
	t.Helper()
	c.Server.Address = s.Addr().String()
	if c.Node.ID == "" {
		c.Node = resource.Node{ID: "edge-1", Cluster: "edge"}
	}
	text, err := resource.Bootstrap(c)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// envoy starts one, whose listener for the pool it returns, too.
func envoy(t testing.TB, config string) (in *instance.Instance, at string) {
	t.Helper()
	if _, err := instance.Find(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	in, err := instance.Start(ctx, instance.Options{Config: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Envoy said:\n%s", in.Output())
		}
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
	})
	address, err := in.Listener(ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	return in, address.String()
}

func until(t testing.TB, check func() error) {
	t.Helper()
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for began := time.Now(); ; <-ticker.C {
		err := check()
		if err == nil {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("not within %s: %v", patience, err)
		}
	}
}

// weights are what Envoy has, by backend; a draining one has 0.
func weights(t testing.TB, in *instance.Instance, list []*backend) map[string]uint32 {
	t.Helper()
	hosts, err := in.Hosts(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]uint32{}
	for _, h := range hosts {
		for _, b := range list {
			if b.Address == h.Address {
				out[b.Name] = h.Weight
				if h.Health.String() == "DRAINING" {
					out[b.Name] = 0
				}
			}
		}
	}
	return out
}

func get(t testing.TB, at string, n int) {
	t.Helper()
	client := &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	defer client.CloseIdleConnections()
	for range n {
		response, err := client.Get("http://" + at + "/")
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Fatalf("status %s", response.Status)
		}
	}
}

// sockets opens WebSockets, which are closed with the test.
func sockets(t testing.TB, at string, n int) []*websocket.Conn {
	t.Helper()
	var out []*websocket.Conn
	for range n {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		c, _, err := websocket.Dial(ctx, "ws://"+at+"/", nil)
		cancel()
		if err != nil {
			t.Fatalf("socket %d: %v", len(out)+1, err)
		}
		t.Cleanup(func() { _ = c.CloseNow() })
		out = append(out, c)
	}
	return out
}

// alive fails for a socket that does not echo.
func alive(t testing.TB, list []*websocket.Conn) {
	t.Helper()
	for i, c := range list {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		err := c.Write(ctx, websocket.MessageText, []byte("are you there"))
		if err == nil {
			_, _, err = c.Read(ctx)
		}
		cancel()
		if err != nil {
			t.Errorf("socket %d of %d: %v", i+1, len(list), err)
		}
	}
}
