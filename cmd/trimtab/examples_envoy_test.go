package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/xds/instance"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// What the examples' README has trimtab print.
var (
	exampleNode   = resource.Node{ID: "edge-1", Cluster: "edge"}
	exampleServer = resource.Server{Address: "127.0.0.1:18000"}
)

func TestEnvoyADSExampleIsWhatIsPrinted(t *testing.T) {
	want, err := resource.Bootstrap(resource.BootstrapConfig{Node: exampleNode, Server: exampleServer, ReportLoad: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, exampleText(t, "envoy-ads/envoy.yaml")); diff != "" {
		t.Error(diff)
	}
	code, printed, errs := call(t, "envoy", "bootstrap", "--server", exampleServer.Address)
	if diff := cmp.Diff(want, printed); code != exitFine || diff != "" {
		t.Errorf("exit code %d: %s\n%s", code, errs, diff)
	}
}

// The parts of the example that a person did not write say what the printed ones
// say, in whatever order.
func TestEnvoyEDSOnlyExampleHasWhatIsPrinted(t *testing.T) {
	want, err := resource.ClusterSnippet(resource.SnippetConfig{
		Node: exampleNode, Server: exampleServer, Cluster: "web", Pool: "web", ReportLoad: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	tree := func(text string) map[string]any {
		var out map[string]any
		if err := yaml.Load([]byte(text), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	printed, whole := tree(want), tree(exampleText(t, "envoy-eds-only/envoy.yaml"))
	for _, key := range []string{"node", "cluster_manager"} {
		if diff := cmp.Diff(printed[key], whole[key]); diff != "" {
			t.Errorf("%s: %s", key, diff)
		}
	}
	clusters := func(tree map[string]any) any { return tree["static_resources"].(map[string]any)["clusters"] }
	if diff := cmp.Diff(clusters(printed), clusters(whole)); diff != "" {
		t.Error(diff)
	}
}

// patched replaces, hunk by hunk of a unified diff, the lines that begin with from
// by those that begin with to: '-' and '+' apply it, '+' and '-' take it back.
func patched(t *testing.T, text, diff string, from, to byte) string {
	t.Helper()
	var old, new strings.Builder
	flush := func() {
		if n := strings.Count(text, old.String()); n != 1 {
			t.Fatalf("%d times in the file:\n%s", n, &old)
		}
		text = strings.Replace(text, old.String(), new.String(), 1)
		old.Reset()
		new.Reset()
	}
	for line := range strings.Lines(diff) {
		if strings.HasPrefix(line, "@@") {
			if old.Len() > 0 {
				flush()
			}
			continue
		}
		if line[0] == ' ' || line[0] == from {
			old.WriteString(line[1:])
		}
		if line[0] == ' ' || line[0] == to {
			new.WriteString(line[1:])
		}
	}
	flush()
	return text
}

// The difference that the README shows is all that it takes: without it, the
// example is a complete Envoy that has never heard of trimtab.
func TestEnvoyEDSOnlyExampleShowsTheWholeDifference(t *testing.T) {
	diffs := codeBlocks(exampleText(t, "envoy-eds-only/README.md"), "diff")
	if len(diffs) != 1 {
		t.Fatalf("%d diffs in the README", len(diffs))
	}
	before := patched(t, exampleText(t, "envoy-eds-only/envoy.yaml"), diffs[0], '+', '-')
	_, configuration, _ := strings.Cut(before, "\n\n")
	if strings.Contains(configuration, "trimtab") {
		t.Errorf("trimtab is in it without the difference:\n%s", configuration)
	}
	envoy, err := instance.Find()
	if err != nil {
		needed(t, err.Error())
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if err := instance.Validate(ctx, envoy, before); err != nil {
		t.Error(err)
	}
}

// echoing is a server that works on so many requests at a time, and sends back
// what comes over WebSockets.
func echoing(t *testing.T, workers int, work time.Duration) string {
	t.Helper()
	busy := make(chan struct{}, workers)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			socket, err := websocket.Accept(w, r, nil)
			if err != nil {
				return // it has been answered
			}
			defer func() { _ = socket.CloseNow() }()
			kind, message, err := socket.Read(r.Context())
			if err == nil {
				_ = socket.Write(r.Context(), kind, message)
			}
			return
		}
		busy <- struct{}{}
		defer func() { <-busy }()
		select {
		case <-time.After(work):
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// started is an example's trimtab and Envoy on this machine's own addresses.
type started struct {
	*running
	envoy *instance.Instance
	// at is Envoy's listener and servers are the pool's, the strongest first.
	at      string
	servers []string
}

func startEnvoyExample(t *testing.T, folder string) started {
	t.Helper()
	if _, err := instance.Find(); err != nil {
		needed(t, err.Error())
	}
	const work = 25 * time.Millisecond
	s := started{servers: []string{echoing(t, 8, work), echoing(t, 4, work), echoing(t, 2, work)}}
	xds := freePort(t)
	s.running = startExample(t, folder, xds, strings.NewReplacer(
		"10.0.0.11:8080", s.servers[0], "10.0.0.12:8080", s.servers[1], "10.0.0.13:8080", s.servers[2],
		"0.0.0.0:8080", "127.0.0.1:0"))
	_, port, _ := strings.Cut(xds, ":")
	config := strings.NewReplacer(
		"port_value: 18000", "port_value: "+port,
		"address: 0.0.0.0, port_value: 8080", "address: 127.0.0.1, port_value: 0",
	).Replace(exampleText(t, filepath.Join(folder, "envoy.yaml")))
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var err error
	if s.envoy, err = instance.Start(ctx, instance.Options{Config: config}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("Envoy said:\n%s", s.envoy.Output())
		}
		_ = s.envoy.Stop()
	})
	listener, err := s.envoy.Listener(ctx, "web")
	if err != nil {
		t.Fatal(err)
	}
	s.at = listener.String()
	return s
}

// startExample runs trimtab on an example's configuration with other addresses.
func startExample(t *testing.T, folder, xds string, addresses *strings.Replacer) *running {
	t.Helper()
	head, pools, found := strings.Cut(exampleText(t, filepath.Join(folder, "trimtab.yaml")), "pools:\n")
	_, server, hasAdmin := strings.Cut(head, "admin: {listen: \"127.0.0.1:9902\"}\n")
	if !found || !hasAdmin {
		t.Fatalf("%s/trimtab.yaml does not begin with admin, or has no pools", folder)
	}
	return start(t, addresses.Replace(pools)+strings.ReplaceAll(server, exampleServer.Address, xds))
}

func inSync(d status.Document) bool {
	return len(d.Pools) == 1 && len(d.Pools[0].Backends) == 3 && d.Pools[0].Targets[0].InSync
}

// totals are the requests that Envoy has sent to each server.
func (s started) totals(t *testing.T) (out [3]int) {
	t.Helper()
	hosts, err := s.envoy.Hosts(t.Context(), "web")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hosts {
		for i, address := range s.servers {
			if h.Address == address {
				out[i] = h.Total
			}
		}
	}
	return out
}

// tuned loads the example until trimtab weighs each weaker server less, and has
// what comes then shared accordingly.
func (s started) tuned(t *testing.T) {
	t.Helper()
	s.until(t, "in sync", inSync)
	stop := load(t, "http://"+s.at+"/", 20)
	began := time.Now()
	var now [3]status.Number
	// Two that are weighed nearly alike have either more of a thousand requests.
	s.until(t, "weighing each weaker server less", func(d status.Document) bool {
		if !inSync(d) {
			return false
		}
		for i := range now {
			now[i] = d.Pools[0].Backends[i].WeightNow
		}
		return now[1] < 0.9*now[0] && now[2] < 0.9*now[1]
	})
	took := time.Since(began).Round(time.Millisecond)
	before := s.totals(t)
	var sent [3]int
	s.until(t, "sending 1000 more", func(status.Document) bool {
		sum := 0
		for i, n := range s.totals(t) {
			sent[i] = n - before[i]
			sum += sent[i]
		}
		return sum >= 1000
	})
	t.Logf("weights %.3f after %v; then %d requests were shared", now, took, sent)
	if sent[0] <= sent[1] || sent[1] <= sent[2] {
		t.Errorf("%d requests, want most to the strongest and fewest to the weakest", sent)
	}
	if good, bad := stop(); good == 0 || bad > 0 {
		t.Errorf("%d good answers, %d bad", good, bad)
	}
}

// commands runs those of the example's README that need nothing but trimtab.
func (s started) commands(t *testing.T, folder string, want int) {
	t.Helper()
	// The bootstrap would go into a file of this repository: it is compared above.
	runReadme(t, s.running, folder, want, "trimtab run", "trimtab envoy bootstrap", "envoy")
}

func runReadme(t *testing.T, r *running, folder string, want int, skip ...string) {
	t.Helper()
	stage := newStage(t, "trimtab status", "trimtab status --addr "+r.addr)
	stage.run(t, exampleText(t, filepath.Join(folder, "README.md")), filepath.Join("examples", folder), skip...)
	if stage.ran != want {
		t.Errorf("%d commands of the README were run, want %d", stage.ran, want)
	}
}

func TestEnvoyADSExampleIsTuned(t *testing.T) {
	t.Parallel()
	s := startEnvoyExample(t, "envoy-ads")
	s.tuned(t)
	s.commands(t, "envoy-ads", 2)
}

func TestEnvoyEDSOnlyExampleIsTuned(t *testing.T) {
	t.Parallel()
	s := startEnvoyExample(t, "envoy-eds-only")
	s.tuned(t)
	s.commands(t, "envoy-eds-only", 3)
	s.echoes(t)
}

// echoes has a WebSocket answer through Envoy.
func (s started) echoes(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	socket, response, err := websocket.Dial(ctx, "ws://"+s.at+"/", nil)
	if err != nil {
		t.Fatalf("%v: %+v", err, response)
	}
	defer func() { _ = socket.CloseNow() }()
	const sent = "through Envoy"
	if err := socket.Write(ctx, websocket.MessageText, []byte(sent)); err != nil {
		t.Fatal(err)
	}
	_, message, err := socket.Reader(ctx)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(message)
	if err != nil || string(got) != sent {
		t.Errorf("%q, %v", got, err)
	}
}
