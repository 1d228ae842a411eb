package main

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// A HAProxy that is steered by its agent-checks alone: trimtab never sees its
// socket, and reads what it counts from its statistics page.
func TestAgentChecksSteer(t *testing.T) {
	t.Parallel()
	var failing atomic.Bool
	var servers [2]*httptest.Server
	for i := range servers {
		servers[i] = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if i == 1 && failing.Load() {
				w.WriteHeader(http.StatusInternalServerError)
			}
		}))
		t.Cleanup(servers[i].Close)
	}
	agents := freePort(t)
	host, port, _ := strings.Cut(agents, ":")
	line := func(i int) string {
		return fmt.Sprintf("  server s%d %s weight 100 agent-check agent-inter 200ms agent-addr %s agent-port %s agent-send \"web/s%d\\n\"\n",
			i+1, strings.TrimPrefix(servers[i].URL, "http://"), host, port, i+1)
	}
	in := proxy(t, `
global
  maxconn 200
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout connect 1s
  timeout client 5s
  timeout server 5s
frontend web_in
  bind @FD0@
  stats enable
  stats uri /stats
  stats auth trimtab:secret
  default_backend web
backend web
  balance leastconn
`+line(0)+line(1))
	password := filepath.Join(t.TempDir(), "password")
	write(t, password, "secret\n")
	r := start(t, fmt.Sprintf(`  - name: web
    backends: [{name: s1, address: %q}, {name: s2, address: %q}]
    load: [proxy: {stats_page: "http://%s/stats", username: trimtab, password_file: %s}]
    targets: [agent_check: {listen: %q, initial_weight: 100}]
`, strings.TrimPrefix(servers[0].URL, "http://"), strings.TrimPrefix(servers[1].URL, "http://"), in.Addr(0), password, agents))
	r.until(t, "asked by HAProxy", steering)

	if code, _, errs := call(t, "pin", "web", "s1", "1.5", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}
	// 1.5 to 0.5 by whichever percentages.
	d := r.until(t, "told 3 to 1", func(d status.Document) bool {
		var a, b int
		_, err := fmt.Sscan(weights(t, in), &a, &b)
		return err == nil && b > 0 && a >= 3*b-2 && a <= 3*b+2 && steering(d)
	})
	if name := d.Pools[0].Targets[0].Name; !strings.Contains(name, agents) {
		t.Errorf("the target's name is %q", name)
	}
	if code, _, errs := call(t, "unpin", "web", "s1", "--addr", r.addr); code != exitFine {
		t.Fatal(errs)
	}

	// Who fails is told to take nothing, and comes back when an own request shows
	// that it is well: an agent cannot time a pulse.
	failing.Store(true)
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if response, err := http.Get("http://" + in.Addr(0)); err == nil {
				_, _ = io.Copy(io.Discard, response.Body)
				_ = response.Body.Close()
			}
		}
	}()
	defer func() { close(stop); <-done }()
	r.until(t, "ejecting s2", func(d status.Document) bool {
		return steering(d) && d.Pools[0].Backends[1].State == "ejected" && strings.HasSuffix(weights(t, in), " 0")
	})
	failing.Store(false)
	healed := time.Now()
	r.until(t, "taking s2 back", func(d status.Document) bool {
		return steering(d) && d.Pools[0].Backends[1].State == "ready" && !strings.HasSuffix(weights(t, in), " 0")
	})
	t.Logf("back %v after it was well", time.Since(healed).Round(100*time.Millisecond))

	// A reload keeps the listener, and what was told stays.
	before := weights(t, in)
	if code, body := post(t, "http://"+r.addr+"/-/reload"); code >= 400 {
		t.Fatalf("%d %s", code, body)
	}
	r.until(t, "asked after the reload", steering)
	// Who may ask changes without the listener.
	text, err := os.ReadFile(r.config)
	if err != nil {
		t.Fatal(err)
	}
	allowing := func(networks string) string {
		return strings.Replace(string(text), "initial_weight: 100", "initial_weight: 100, allow: ["+networks+"]", 1)
	}
	for _, networks := range []string{"10.0.0.0/8", "127.0.0.0/8"} {
		write(t, r.config, allowing(networks))
		if code, body := post(t, "http://"+r.addr+"/-/reload"); code >= 400 {
			t.Fatalf("%d %s", code, body)
		}
		if networks == "10.0.0.0/8" {
			c, err := net.Dial("tcp", agents)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.WriteString(c, "web/s1\n")
			if answer, _ := io.ReadAll(c); len(answer) > 0 {
				t.Errorf("answered %q to who is not allowed", answer)
			}
			_ = c.Close()
		}
	}
	r.until(t, "asked by who is allowed again", steering)
	r.stop()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for range 10 {
		<-ticker.C
	}
	if after := weights(t, in); strings.HasSuffix(after, " 0") || after == "" {
		t.Errorf("weights %s without trimtab, were %s", after, before)
	}
}

func TestPolicyIsAskedFor(t *testing.T) {
	in := proxy(t, strings.Replace(twoPools, "balance leastconn", "balance roundrobin", 1))
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q, policy: leastconn}}]}\n", in.Socket()))
	d := r.until(t, "warning", func(d status.Document) bool { return steering(d) && len(d.Pools[0].Targets[0].Warnings) > 0 })
	_, command, found := strings.Cut(d.Pools[0].Targets[0].Warnings[0], "policy asks for leastconn: trimtab ")
	if !found || !strings.HasPrefix(command, "haproxy policy --config-file /etc/haproxy/haproxy.cfg --backend web leastconn --reload ") {
		t.Fatalf("warning %q", d.Pools[0].Targets[0].Warnings[0])
	}
	if code, _, errs := call(t, append(shellWords(t, command), "--dry-run")...); code == exitUsage {
		t.Errorf("%s: %s", command, errs)
	}
}
