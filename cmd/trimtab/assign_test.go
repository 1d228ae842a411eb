package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// member is a backend that says how loaded it is and who it is.
type member struct {
	name, address string
	cpu           atomic.Int64 // per cent
}

// memberAt serves on an address of its own of the loopback network.
func memberAt(t *testing.T, name, host string) *member {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	m := &member{name: name, address: l.Addr().String()}
	m.cpu.Store(30)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/load" {
			_, _ = fmt.Fprintf(w, `{"cpu_utilization": %v}`, float64(m.cpu.Load())/100)
			return
		}
		_, _ = fmt.Fprintf(w, "%s %s", name, r.URL.RequestURI())
	})}
	done := make(chan struct{})
	go func() { defer close(done); _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return m
}

// visits follows n clients to where they are sent and counts them by who answers; ""
// is nobody.
func visits(t *testing.T, url string, n int) map[string]int {
	t.Helper()
	out := map[string]int{}
	for range n {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			out[""]++
			continue
		}
		name, path, _ := strings.Cut(string(body), " ")
		if path != "/room/7?x=1" {
			t.Fatalf("%s was asked for %s", name, path)
		}
		out[name]++
	}
	return out
}

// Clients find a pool's backends by redirect and by DNS: one that drains gets none, a
// reload and a restart send nobody nowhere for long, and all of it is shown.
func TestRedirectAndDNS(t *testing.T) {
	t.Parallel()
	members := []*member{memberAt(t, "ws1", "127.0.7.1"), memberAt(t, "ws2", "127.0.7.2"), memberAt(t, "ws3", "127.0.7.3")}
	gate, names := freePort(t), freePortAt(t, "127.0.7.53")
	pools := func(list []*member, ttl string) string {
		var backends []string
		for _, m := range list {
			backends = append(backends, fmt.Sprintf("{name: %s, address: %q}", m.name, m.address))
		}
		return fmt.Sprintf(`  - name: ws
    kind: connections
    backends: [%s]
    load: [http: {path: /load, period: 200ms}]
    targets:
      - redirect: {listen: %q, rate_limit: {per_second: 0}}
      - dns: {listen: %q, name: farm.example.test, ttl: %s}
`, strings.Join(backends, ", "), gate, names, ttl)
	}
	r := start(t, pools(members, "2s"))
	url := "http://" + gate + "/room/7?x=1"
	following := func(d status.Document) bool {
		return len(d.Pools) == 1 && d.Pools[0].Tick > 2 && len(d.Pools[0].Targets) == 2 && d.Pools[0].Targets[0].InSync && d.Pools[0].Targets[1].InSync
	}
	d := r.until(t, "following", following)
	shown := map[string]int{"redirect:" + gate: 333, "dns:" + names + "/farm.example.test": 333}
	for name, want := range shown {
		if got := d.Pools[0].Backends[0].Applied[name]; got != want {
			t.Errorf("in force at %s: %d of 1000, want %d; all: %v", name, got, want, d.Pools[0].Backends[0].Applied)
		}
	}
	if got := visits(t, url, 300); got["ws1"] < 60 || got["ws2"] < 60 || got["ws3"] < 60 {
		t.Errorf("300 clients went to %v, want about as many to each of three", got)
	}
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, names)
	}}
	lookup := func(n int) map[string]int {
		out := map[string]int{}
		for range n {
			hosts, err := resolver.LookupNetIP(t.Context(), "ip4", "farm.example.test.")
			if err != nil {
				t.Fatal(err)
			}
			out[hosts[0].String()]++
		}
		return out
	}
	if got := lookup(60); len(got) != 3 {
		t.Errorf("resolved to %v, want all three", got)
	}

	// JSON for who asks for it.
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", "application/json")
	resp, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	var answer struct{ Pool, Backend, URL string }
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Pool != "ws" || !strings.HasSuffix(answer.URL, "/room/7?x=1") {
		t.Errorf("answered %+v, %v", answer, err)
	}
	_ = resp.Body.Close()

	// One that drains gets nobody, by either way.
	if code, _, errs := call(t, "drain", "ws", "ws2", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}
	r.until(t, "draining ws2", func(d status.Document) bool {
		return following(d) && d.Pools[0].Backends[1].State == "draining" && d.Pools[0].Backends[1].Applied["redirect:"+gate] == 0 &&
			d.Pools[0].Backends[1].Applied["dns:"+names+"/farm.example.test"] == 0
	})
	if got := visits(t, url, 50); got["ws2"] > 0 {
		t.Errorf("a draining backend got %d of 50 clients", got["ws2"])
	}
	if got := lookup(30); got["127.0.7.2"] > 0 {
		t.Errorf("a draining backend is in %d of 30 answers", got["127.0.7.2"])
	}
	if code, _, errs := call(t, "undrain", "ws", "ws2", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}

	// Nobody has room.
	for _, m := range members {
		m.cpu.Store(99)
	}
	r.until(t, "refusing", func(status.Document) bool { return visits(t, url, 1)[""] == 1 })
	if got := lookup(10); len(got) == 0 {
		t.Error("DNS names nobody when all are full")
	}
	metrics, err := http.Get("http://" + r.addr + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(metrics.Body)
	_ = metrics.Body.Close()
	for _, want := range []string{
		fmt.Sprintf("trimtab_assigned_total{backend=\"ws1\",pool=\"ws\",target=\"redirect:%s\"}", gate),
		fmt.Sprintf("trimtab_assigned_total{backend=\"ws3\",pool=\"ws\",target=\"dns:%s/farm.example.test\"}", names),
		fmt.Sprintf("trimtab_assignments_refused_total{pool=\"ws\",reason=\"full\",target=\"redirect:%s\"} ", gate),
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%s is missing in the metrics", want)
		}
	}
	for _, m := range members {
		m.cpu.Store(30)
	}
	r.until(t, "taking clients again", func(status.Document) bool { return visits(t, url, 1)[""] == 0 })

	// A reload that changes the pool never leaves anybody without an answer.
	write(t, r.config, r.text(pools(members[:2], "3s")))
	reloaded := make(chan error, 1)
	go func() {
		resp, err := http.Post("http://"+r.addr+"/-/reload", "", nil)
		if err == nil {
			_ = resp.Body.Close()
		}
		reloaded <- err
	}()
	refused := 0
	for waiting := true; waiting; {
		refused += visits(t, url, 1)[""]
		_ = lookup(1)
		select {
		case err := <-reloaded:
			if err != nil {
				t.Fatal(err)
			}
			waiting = false
		default:
		}
	}
	refused += visits(t, url, 100)[""]
	if refused > 0 {
		t.Errorf("%d clients were sent nowhere during a reload", refused)
	}
	r.until(t, "having two members", func(d status.Document) bool { return following(d) && len(d.Pools[0].Backends) == 2 })
	if got := visits(t, url, 50); got["ws3"] > 0 {
		t.Errorf("one that left got %d of 50 clients", got["ws3"])
	}

	// A restart.
	if code := r.stop(); code != exitFine {
		t.Fatalf("exit code %d\n%s", code, r.log)
	}
	r = start(t, pools(members, "2s"))
	began := time.Now()
	r.until(t, "following after a restart", following)
	if got := visits(t, url, 50); got[""] > 0 {
		t.Errorf("%d of 50 clients were sent nowhere after a restart", got[""])
	}
	t.Logf("placing %v after a restart", time.Since(began).Round(100*time.Millisecond))
}
