package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/keypair/keypairtest"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// exampleMembers are the three servers of an example, and what stands for their
// addresses and the one that trimtab listens on, which is at.
func exampleMembers(t *testing.T, listen, at, network string) (members []*member, pairs []string) {
	t.Helper()
	pairs = []string{listen, at}
	for i, name := range []string{"ws1", "ws2", "ws3"} {
		m := memberAt(t, name, network+string(rune('1'+i)))
		members = append(members, m)
		pairs = append(pairs, "10.0.0.1"+string(rune('1'+i))+":8080", m.address)
	}
	return members, pairs
}

// placing says that clients are placed by reports.
func placing(d status.Document) bool {
	return inSync(d) && d.Pools[0].Backends[0].Utilization >= 0 && d.Pools[0].Tick > 2
}

// runAssignReadme runs the commands of a README that ask at an address.
func runAssignReadme(t *testing.T, r *running, folder string, want int, pairs ...string) {
	t.Helper()
	for _, program := range []string{"curl", "dig"} {
		if _, err := exec.LookPath(program); err != nil {
			needed(t, err.Error())
		}
	}
	s := newStage(t, append([]string{"trimtab status", "trimtab status --addr " + r.addr}, pairs...)...)
	s.run(t, exampleText(t, folder+"/README.md"), "examples/"+folder, "trimtab run")
	if s.ran != want {
		t.Errorf("%d commands of the README were run, want %d", s.ran, want)
	}
}

func TestRedirectExampleSendsClients(t *testing.T) {
	t.Parallel()
	gate := freePort(t)
	members, pairs := exampleMembers(t, ":8090", gate, "127.0.8.")
	r := startExample(t, "redirect", "", strings.NewReplacer(pairs...))
	r.until(t, "placing", placing)

	ask := func(room string) string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+gate+"/socket?room="+room, nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Accept", "application/json")
		request.Header.Set("Origin", "https://app.example.org")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		var answer struct{ Backend, URL string }
		if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
			t.Fatal(err)
		}
		if got := response.Header.Get("Access-Control-Allow-Origin"); got != "https://app.example.org" {
			t.Errorf("a page of the example's origin is let read the answer by %q", got)
		}
		for _, m := range members {
			if want := "ws://" + m.address + "/socket?room=" + room; m.name == answer.Backend && answer.URL != want {
				t.Errorf("sent to %s at %s, want %s", answer.Backend, answer.URL, want)
			}
		}
		return answer.Backend
	}
	places := map[string]bool{}
	// Each is asked for twice, by which no server comes near what it may have at most.
	for _, room := range strings.Split("abcdefghijkl", "") {
		first := ask(room)
		if again := ask(room); again != first {
			t.Errorf("room %s is sent to %s, and then to %s", room, first, again)
		}
		places[first] = true
	}
	if len(places) < 2 || places[""] {
		t.Errorf("12 rooms are sent to %v", places)
	}
	runAssignReadme(t, r, "redirect", 4, "127.0.0.1:8090", gate)
}

func TestRedirectExampleSpeaksTLS(t *testing.T) {
	t.Parallel()
	diffs := codeBlocks(exampleText(t, "redirect/README.md"), "diff")
	if len(diffs) != 1 {
		t.Fatalf("%d diffs in the README", len(diffs))
	}
	gate := freePort(t)
	_, pairs := exampleMembers(t, ":8090", gate, "127.0.9.")
	cert, key, trusted := keypairtest.Write(t, t.TempDir(), "gate.example.org")
	pairs = append(pairs, "/etc/trimtab/gate.pem", cert, "/etc/trimtab/gate.key", key)
	_, pools, _ := strings.Cut(patched(t, exampleText(t, "redirect/trimtab.yaml"), diffs[0], '-', '+'), "pools:\n")
	r := start(t, strings.NewReplacer(pairs...).Replace(pools))
	r.until(t, "placing", placing)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+gate+"/socket?room=7", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := transport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusTemporaryRedirect || response.Proto != "HTTP/2.0" {
		t.Errorf("answered %s by %s, want 307 by HTTP/2.0", response.Status, response.Proto)
	}
}

func TestDNSExampleResolves(t *testing.T) {
	t.Parallel()
	names := freePortAt(t, "127.0.10.53")
	_, pairs := exampleMembers(t, "192.0.2.53:53", names, "127.0.10.")
	r := startExample(t, "dns", "", strings.NewReplacer(pairs...))
	r.until(t, "placing", placing)
	resolver := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, names)
	}}
	got := map[string]int{}
	const lookups = 200
	for range lookups {
		hosts, err := resolver.LookupNetIP(t.Context(), "ip4", "farm.example.org.")
		if err != nil {
			t.Fatal(err)
		}
		got[hosts[0].String()]++
	}
	// The first is as strong as the others together.
	if n := got["127.0.10.1"]; len(got) != 3 || n < lookups*35/100 || n > lookups*65/100 {
		t.Errorf("resolved to %v, want half for the first", got)
	}
	_, services, err := resolver.LookupSRV(t.Context(), "http", "tcp", "farm.example.org.")
	if err != nil || len(services) != 3 {
		t.Errorf("SRV: %v, %v; want three", services, err)
	}
	host, port, err := net.SplitHostPort(names)
	if err != nil {
		t.Fatal(err)
	}
	runAssignReadme(t, r, "dns", 4, "@192.0.2.53", "@"+host+" -p "+port)
}
