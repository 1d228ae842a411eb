package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// put writes a file beside and renames it.
func put(t *testing.T, path, text string) {
	t.Helper()
	write(t, path+".new", text)
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// members are the names of the first pool's backends.
func members(d status.Document) string {
	if len(d.Pools) != 1 {
		return ""
	}
	var out []string
	for _, b := range d.Pools[0].Backends {
		out = append(out, b.Name)
	}
	return strings.Join(out, " ")
}

// trouble is what the first pool's sources have.
func trouble(d status.Document) string {
	var out []string
	for _, s := range d.Pools[0].Sources {
		if s.LastError != "" {
			out = append(out, s.Name+": "+s.LastError)
		}
	}
	return strings.Join(out, "; ")
}

const threeServers = webPool + `  server s1 127.0.0.1:1 weight 100
  server s2 127.0.0.2:1 weight 100
  server s3 127.0.0.3:1 weight 100
`

// Backends from a file that changes while a real HAProxy is steered: they are found
// by the names of its servers, or by their addresses.
func TestBackendsAreDiscoveredByFile(t *testing.T) {
	t.Parallel()
	in := proxy(t, threeServers)
	path := filepath.Join(t.TempDir(), "targets.json")
	put(t, path, `[{"targets": ["127.0.0.1:1"], "labels": {"name": "s1", "capacity": "3"}}, {"targets": ["127.0.0.2:1"]}]`)
	r := start(t, fmt.Sprintf(`  - name: web
    from: {file: %q}
    law: static
    targets: [{haproxy: {socket: %q}}]
`, path, in.Socket()))
	three := func(d status.Document) bool {
		var a, b int
		_, err := fmt.Sscan(weights(t, in), &a, &b)
		return err == nil && b > 0 && a >= 3*b-2 && a <= 3*b+2
	}
	d := r.until(t, "tuning s1 and s2", func(d status.Document) bool { return members(d) == "s1 s2" && steering(d) && three(d) })
	if got := trouble(d); got != "" {
		t.Errorf("trouble %q", got)
	}
	began := time.Now()
	put(t, path, `[{"targets": ["127.0.0.1:1", "127.0.0.3:1"]}]`)
	d = r.until(t, "tuning s1 and s3", func(d status.Document) bool { return members(d) == "s1 s3" })
	t.Logf("in the pool %v after the file was replaced", time.Since(began).Round(time.Millisecond))
	if why := d.Pools[0].Backends[1].Why; !strings.Contains(why, "slow start") {
		t.Errorf("s3 has just joined, and it says %q", why)
	}
	put(t, path, `[{"targets": ["127.0.0.1:1"`)
	d = r.until(t, "saying that the file is broken", func(d status.Document) bool { return strings.Contains(trouble(d), "not target groups as JSON") })
	if members(d) != "s1 s3" || !strings.Contains(trouble(d), path) {
		t.Errorf("backends %s, trouble %q", members(d), trouble(d))
	}
	if _, out, _ := call(t, "status", "--addr", r.addr); !strings.Contains(strings.Join(strings.Fields(out), " "), "source file:"+path) {
		t.Errorf("table\n%s", out)
	}
	put(t, path, `[{"targets": ["127.0.0.2:1"]}]`)
	r.until(t, "tuning s2 alone", func(d status.Document) bool { return members(d) == "s2" && trouble(d) == "" })
}

// Backends from SRV records, told to a HAProxy that asks by agent-checks.
func TestBackendsAreDiscoveredByDNS(t *testing.T) {
	t.Parallel()
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	records := map[uint16][]string{}
	server := &dns.Server{PacketConn: packets, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		mu.Lock()
		defer mu.Unlock()
		reply := new(dns.Msg).SetReply(q)
		for _, line := range records[q.Question[0].Qtype] {
			if rr, err := dns.NewRR(line); err == nil && rr.Header().Name == q.Question[0].Name {
				reply.Answer = append(reply.Answer, rr)
			}
		}
		_ = w.WriteMsg(reply)
	})}
	ended := make(chan error, 1)
	up := make(chan struct{})
	server.NotifyStartedFunc = func() { close(up) }
	go func() { ended <- server.ActivateAndServe() }()
	<-up
	t.Cleanup(func() { _ = server.Shutdown(); <-ended })
	serve := func(services ...string) {
		mu.Lock()
		defer mu.Unlock()
		records = map[uint16][]string{dns.TypeA: {
			"a.example.test. 60 IN A 127.0.0.1", "b.example.test. 60 IN A 127.0.0.2", "c.example.test. 60 IN A 127.0.0.3",
		}}
		for _, s := range services {
			records[dns.TypeSRV] = append(records[dns.TypeSRV], "_http._tcp.web.example.test. 1 IN SRV "+s)
		}
	}
	serve("10 3 8080 a.example.test.", "10 1 8080 b.example.test.", "20 1 8080 c.example.test.")
	agents := freePort(t)
	r := start(t, fmt.Sprintf(`  - name: web
    from: {dns: {name: _http._tcp.web.example.test, server: %q}}
    law: static
    limits: {slow_start: 0s}
    targets: [agent_check: {listen: %q, initial_weight: 100}]
`, packets.LocalAddr(), agents))
	agent := func(backend string) string {
		conn, err := net.Dial("tcp", agents)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "web/%s\n", backend)
		answer, _ := io.ReadAll(conn)
		return strings.TrimSpace(string(answer))
	}
	d := r.until(t, "knowing two backends", func(d status.Document) bool {
		return members(d) == "a.example.test:8080 b.example.test:8080"
	})
	if a, b := d.Pools[0].Backends[0].Weight, d.Pools[0].Backends[1].Weight; a < 2.9*b || a > 3.1*b {
		t.Errorf("weights %v and %v, want 3 to 1 by the records", a, b)
	}
	r.until(t, "answering agent-checks", func(status.Document) bool {
		return strings.Contains(agent("a.example.test:8080"), "%") && strings.Contains(agent("b.example.test:8080"), "%")
	})
	began := time.Now()
	serve("10 1 8080 a.example.test.", "10 1 8080 c.example.test.")
	r.until(t, "knowing another one", func(d status.Document) bool {
		return members(d) == "a.example.test:8080 c.example.test:8080"
	})
	t.Logf("in the pool %v after the records were changed, their TTL being 1s", time.Since(began).Round(10*time.Millisecond))
	serve()
	d = r.until(t, "saying that there are none", func(d status.Document) bool { return strings.Contains(trouble(d), "no record") })
	if got := members(d); got != "a.example.test:8080 c.example.test:8080" {
		t.Errorf("backends %s, want those before to stay", got)
	}
}
