package resource

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/instance"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// period is how often a real process is asked whether it is there yet.
const period = 2 * time.Millisecond

// backendServer is a backend that answers requests and holds WebSockets.
type backendServer struct {
	addr        string
	held, total atomic.Int64
}

func newBackend(t testing.TB) *backendServer {
	t.Helper()
	b := &backendServer{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.total.Add(1)
		if r.Header.Get("Upgrade") == "" {
			_, _ = io.WriteString(w, b.addr)
			return
		}
		socket, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		b.held.Add(1)
		defer b.held.Add(-1)
		defer func() { _ = socket.CloseNow() }()
		for {
			kind, data, err := socket.Read(r.Context())
			if err != nil {
				return
			}
			if err := socket.Write(r.Context(), kind, data); err != nil {
				return
			}
		}
	}))
	b.addr = server.Listener.Addr().String()
	t.Cleanup(server.Close)
	return b
}

// edge is a real Envoy with backends behind it and a control plane before it.
type edge struct {
	t        testing.TB
	control  *control
	view     *Envoy
	backends []*backendServer
	envoy    *instance.Instance
	addr     string
	sockets  []*websocket.Conn
	client   *http.Client
	mark     mark
}

// mark is a listener before one backend of two, in turn.
type mark struct {
	addr     string
	backends [2]*backendServer
	turn     int
}

func envoyBinary(t testing.TB) string {
	t.Helper()
	path, err := instance.Find()
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	return path
}

const listenerName, markName = "edge", "mark"

// newEdge serves a cluster and a listener to an Envoy with nothing but a bootstrap,
// which is ready when the first update has reached it.
func newEdge(t testing.TB, cluster ClusterConfig, count int, first Update) *edge {
	t.Helper()
	e := &edge{t: t, client: newEdgeClient()}
	binary := envoyBinary(t)
	e.control = newControl(t)
	for range count {
		e.backends = append(e.backends, newBackend(t))
	}
	e.view = viewOf(t, cluster)
	r, err := cluster.Cluster()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := ListenerConfig{Name: listenerName, Address: "127.0.0.1:0", Cluster: cluster.Name}.Resources()
	if err != nil {
		t.Fatal(err)
	}
	e.control.publish(append(listener, r)...)
	marked := ClusterConfig{Name: markName, Policy: RoundRobin}
	if r, err = marked.Cluster(); err != nil {
		t.Fatal(err)
	}
	if listener, err = (ListenerConfig{Name: markName, Address: "127.0.0.1:0", Cluster: markName}).Resources(); err != nil {
		t.Fatal(err)
	}
	e.control.publish(append(listener, r)...)
	for i := range e.mark.backends {
		e.mark.backends[i] = newBackend(t)
	}
	e.moveMark()
	e.apply(first)
	text, err := Bootstrap(BootstrapConfig{Node: Node{"edge-1", "edge"}, Server: Server{Address: e.control.addr}})
	if err != nil {
		t.Fatal(err)
	}
	e.start(binary, text)
	addr, err := e.envoy.Listener(t.Context(), markName)
	if err != nil {
		t.Fatal(err)
	}
	e.mark.addr = addr.String()
	return e
}

// moveMark has the next of two backends behind the listener that is a mark, and
// returns its address.
func (e *edge) moveMark() (to string) {
	e.t.Helper()
	e.mark.turn++
	to = e.mark.backends[e.mark.turn%2].addr
	v, err := NewEnvoy(EnvoyConfig{Pool: markName, Service: markName, Balancing: Balancing{Policy: RoundRobin}})
	if err != nil {
		e.t.Fatal(err)
	}
	served := update(e.t, v, Update{Plan: planOf(1), Kind: scorer.KindRequests, Endpoints: []Endpoint{{Backend: name(0), Address: to}}})
	e.control.publish(Resource{Type: AssignmentType, Name: markName, Body: served.Body})
	return to
}

// settle waits until Envoy's workers have what its admin shows. Each is told all
// changes in their order, so that who has one that was made after those that matter
// has them, too. A new connection goes to any of the workers.
func (e *edge) settle() {
	e.t.Helper()
	const inARow = 60
	want := e.moveMark()
	client := &http.Client{Timeout: e.client.Timeout, Transport: &http.Transport{DisableKeepAlives: true}}
	e.await("the workers", func() error {
		for range inARow {
			response, err := client.Get("http://" + e.mark.addr)
			if err != nil {
				return err
			}
			got, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if err != nil || string(got) != want {
				return fmt.Errorf("%s %q, want %s: %v", response.Status, got, want, err)
			}
		}
		return nil
	})
}

func newEdgeClient() *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
}

func viewOf(t testing.TB, cluster ClusterConfig) *Envoy {
	t.Helper()
	v, err := NewEnvoy(EnvoyConfig{Pool: cluster.Name, Service: cluster.Name, Balancing: cluster.Balancing()})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (e *edge) start(binary, bootstrap string) {
	e.t.Helper()
	if err := instance.Validate(e.t.Context(), binary, bootstrap); err != nil {
		e.t.Fatal(err)
	}
	envoy, err := instance.Start(e.t.Context(), instance.Options{Binary: binary, Config: bootstrap})
	if err != nil {
		e.t.Fatal(err)
	}
	e.envoy = envoy
	e.t.Cleanup(func() {
		e.closeSockets()
		e.client.CloseIdleConnections()
		if warned := envoy.Warnings(); warned != "" {
			e.t.Errorf("Envoy warns:\n%s", warned)
		}
		if err := envoy.Stop(); err != nil {
			e.t.Error(err)
		}
	})
	addr, err := envoy.Listener(e.t.Context(), listenerName)
	if err != nil {
		e.t.Fatal(err)
	}
	e.addr = addr.String()
}

// endpoints are the backends b1, b2, … in their order.
func (e *edge) endpoints() []Endpoint {
	out := make([]Endpoint, len(e.backends))
	for i, b := range e.backends {
		out[i] = Endpoint{Backend: name(i), Address: b.addr}
	}
	return out
}

// apply publishes what an update comes to.
func (e *edge) apply(u Update) Served {
	e.t.Helper()
	if u.Endpoints == nil {
		u.Endpoints = e.endpoints()
	}
	served := update(e.t, e.view, u)
	e.control.publish(Resource{Type: AssignmentType, Name: e.view.config.Service, Body: served.Body})
	return served
}

// follow applies an update and waits until Envoy and each of its workers have it.
func (e *edge) follow(u Update) {
	e.t.Helper()
	served := e.apply(u)
	want := map[string]string{}
	for _, l := range assignmentIn(e.t, served.Body).GetEndpoints() {
		for _, at := range l.GetLbEndpoints() {
			s := at.GetEndpoint().GetAddress().GetSocketAddress()
			health := max(at.GetHealthStatus(), corev3.HealthStatus_HEALTHY)
			want[fmt.Sprintf("%s:%d", s.GetAddress(), s.GetPortValue())] = fmt.Sprint(at.GetLoadBalancingWeight().GetValue(), health)
		}
	}
	e.await("the assignment", func() error {
		hosts := e.hosts()
		got := map[string]string{}
		for address, h := range hosts {
			got[address] = fmt.Sprint(h.Weight, h.Health)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			return fmt.Errorf("Envoy has %v, want %v", got, want)
		}
		return nil
	})
	e.settle()
}

func (e *edge) hosts() map[string]instance.Host {
	e.t.Helper()
	all, err := e.envoy.Hosts(e.t.Context(), e.view.config.Service)
	if err != nil {
		e.t.Fatal(err)
	}
	out := map[string]instance.Host{}
	for _, h := range all {
		out[h.Address] = h
	}
	return out
}

func (e *edge) await(what string, check func() error) {
	e.t.Helper()
	ctx, cancel := context.WithTimeout(e.t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			e.t.Fatalf("%s: %v\n%s", what, err, e.envoy.Output())
		case <-tick.C:
		}
	}
}

// hold opens so many WebSockets through Envoy and keeps them. Those that are dialled
// together may all be placed before one of them counts, when Envoy has stood still, so
// that the last ones, which level that, wait for each other.
func (e *edge) hold(count int) {
	e.t.Helper()
	const alone = 40
	if together := count - alone; together > 0 {
		e.dial(together, 8)
	}
	for range min(count, alone) {
		e.dial(1, 1)
	}
}

// dial opens so many WebSockets through Envoy, some at a time, and keeps them.
func (e *edge) dial(count, dialers int) {
	e.t.Helper()
	opened := make(chan *websocket.Conn, count)
	failed := make(chan error, count)
	var todo atomic.Int64
	todo.Store(int64(count))
	var group sync.WaitGroup
	for range dialers {
		group.Go(func() {
			for todo.Add(-1) >= 0 {
				ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
				socket, _, err := websocket.Dial(ctx, "ws://"+e.addr, nil)
				cancel()
				if err != nil {
					failed <- err
					return
				}
				opened <- socket
			}
		})
	}
	group.Wait()
	close(opened)
	close(failed)
	for socket := range opened {
		e.sockets = append(e.sockets, socket)
	}
	for err := range failed {
		e.t.Fatal(err)
	}
	// A client knows of its upgrade before the backend has counted it.
	e.await("the backends' counts", func() error {
		sum := 0
		for _, n := range e.held() {
			sum += n
		}
		if sum != len(e.sockets) {
			return fmt.Errorf("%d of %d WebSockets", sum, len(e.sockets))
		}
		return nil
	})
}

// closeSockets ends all WebSockets.
func (e *edge) closeSockets() {
	for _, socket := range e.sockets {
		_ = socket.CloseNow()
	}
	e.sockets = nil
}

func (e *edge) held() []int {
	out := make([]int, len(e.backends))
	for i, b := range e.backends {
		out[i] = int(b.held.Load())
	}
	return out
}

// alive tells how many of the WebSockets still answer.
func (e *edge) alive() int {
	e.t.Helper()
	alive := 0
	for _, socket := range e.sockets {
		ctx, cancel := context.WithTimeout(e.t.Context(), 30*time.Second)
		if err := errors.Join(socket.Write(ctx, websocket.MessageText, []byte("x")), second2(socket.Read(ctx))); err == nil {
			alive++
		}
		cancel()
	}
	return alive
}

func second2[A, B any](_ A, _ B, err error) error { return err }

// request sends plain requests by so many clients at once and counts who answers.
func (e *edge) request(count, clients int) []int {
	e.t.Helper()
	before := make([]int64, len(e.backends))
	for i, b := range e.backends {
		before[i] = b.total.Load()
	}
	var todo, failed atomic.Int64
	todo.Store(int64(count))
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			for todo.Add(-1) >= 0 {
				response, err := e.client.Get("http://" + e.addr)
				if err != nil {
					failed.Add(1)
					continue
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
					failed.Add(1)
				}
				_ = response.Body.Close()
			}
		})
	}
	group.Wait()
	if n := failed.Load(); n > 0 {
		e.t.Fatalf("%d of %d requests failed", n, count)
	}
	out := make([]int, len(e.backends))
	for i, b := range e.backends {
		out[i] = int(b.total.Load() - before[i])
	}
	return out
}

// merged is a static configuration with what ClusterSnippet says added to it.
func merged(t testing.TB, static, snippet string) string {
	t.Helper()
	whole, err := parseBootstrap(static)
	if err != nil {
		t.Fatal(err)
	}
	added, err := parseBootstrap(snippet)
	if err != nil {
		t.Fatal(err)
	}
	proto.Merge(whole, added)
	return jsonOf(t, whole)
}

func jsonOf(t testing.TB, m proto.Message) string {
	t.Helper()
	text, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
