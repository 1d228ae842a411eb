package main

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/coder/websocket"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// exampleBackend runs the example's server at a host until the test ends.
func exampleBackend(t *testing.T, program, host string, ports [3]string, token string) {
	t.Helper()
	command := exec.Command(program, "--listen", net.JoinHostPort(host, ports[0]), "--private", net.JoinHostPort(host, ports[1]),
		"--orca", net.JoinHostPort(host, ports[2]), "--token-file", token)
	log := &lockedBuffer{}
	command.Stderr = log
	wait := tied(t, command)
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		if err := wait(); err != nil {
			t.Errorf("the server at %s: %v\n%s", host, err, log)
		}
	})
}

// A server of the example is seen by what it reports, and lets its clients go when it
// is drained: they are told to come again, and are sent to the other one.
func TestReportExampleIsDrained(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		needed(t, err.Error())
	}
	directory := t.TempDir()
	program, token := filepath.Join(directory, "backend"), filepath.Join(directory, "token")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, filepath.Join(examples, "report")).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	write(t, token, "hook-token\n")
	var ports [3]string
	for i := range ports {
		_, ports[i], _ = net.SplitHostPort(freePort(t))
	}
	hosts := []string{"127.0.11.1", "127.0.11.2"}
	for _, host := range hosts {
		exampleBackend(t, program, host, ports, token)
	}
	gate := freePort(t)
	r := startExample(t, "report", "", strings.NewReplacer(":8090", gate, "/etc/trimtab/shed-token", token, "port: 9001", "port: "+ports[1], "port: 9002", "port: "+ports[2],
		"10.0.0.11:8080", net.JoinHostPort(hosts[0], ports[0]), "10.0.0.12:8080", net.JoinHostPort(hosts[1], ports[0])))
	ready := func(d status.Document) bool {
		return len(d.Pools) == 1 && len(d.Pools[0].Backends) == 2 && d.Pools[0].Tick > 2 &&
			d.Pools[0].Backends[0].InFlight >= 0 && d.Pools[0].Backends[1].InFlight >= 0
	}
	r.until(t, "told by both servers", ready)

	const clients = 30
	ctx, cancel := context.WithTimeout(t.Context(), 5*patience)
	defer cancel()
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	told := make(chan websocket.StatusCode, clients)
	dial := func() string {
		socket, response, err := websocket.Dial(ctx, "ws://"+gate+"/socket", nil)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() {
			_, _, err := socket.Read(ctx)
			_ = socket.CloseNow()
			told <- websocket.CloseStatus(err)
		})
		return response.Request.URL.Hostname()
	}
	held := map[string]int{}
	for range clients {
		held[dial()]++
	}
	t.Logf("%d clients: %v", clients, held)
	if held[hosts[0]] < clients/4 || held[hosts[1]] < clients/4 {
		t.Errorf("clients went to %v, want about as many to each", held)
	}
	r.until(t, "reporting them", func(d status.Document) bool {
		return ready(d) && int(d.Pools[0].Backends[0].InFlight) == held[hosts[0]] && int(d.Pools[0].Backends[1].InFlight) == held[hosts[1]]
	})

	addr := " --addr " + r.addr
	s := newStage(t, "http://10.0.0.11:9001", "http://"+net.JoinHostPort(hosts[0], ports[1]), "trimtab status", "trimtab status"+addr,
		"--dry-run", "--dry-run"+addr, "--over 2s", "--over 2s"+addr, "trimtab undrain farm ws1", "true")
	s.run(t, exampleText(t, "report/README.md"), "examples/report", "trimtab run", "go run", "head")
	if s.ran != 6 {
		t.Errorf("%d commands of the README were run, want 6", s.ran)
	}
	r.until(t, "empty", func(d status.Document) bool { return ready(d) && d.Pools[0].Backends[0].InFlight == 0 })
	for range held[hosts[0]] {
		if code := <-told; code != websocket.StatusServiceRestart {
			t.Errorf("a client was told %d, want %d", code, websocket.StatusServiceRestart)
		}
		if at := dial(); at != hosts[1] {
			t.Errorf("a client that was told to go came to %s, want %s", at, hosts[1])
		}
	}
	if code, _, errs := call(t, "undrain", "farm", "ws1", "--addr", r.addr); code != exitFine {
		t.Error(errs)
	}
	r.until(t, "taking clients again", func(d status.Document) bool { return ready(d) && d.Pools[0].Backends[0].State == "ready" })
	if response, err := http.Post("http://"+net.JoinHostPort(hosts[0], ports[1])+"/shed", "application/json", strings.NewReader(`{"connections": 1}`)); err != nil || response.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token the hook answers %v, %v", response, err)
	}
}
