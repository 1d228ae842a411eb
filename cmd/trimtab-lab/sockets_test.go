package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// How long WebSockets live says nothing of a backend: behind leastconn, with
// lives that differ by backend and nothing reported, no weight may move.
func TestWebSocketsMoveNoWeight(t *testing.T) {
	_, err := instance.Find()
	needed(t, err)
	trimtab := builtTrimtab(t)
	s, err := stack.StartHAProxy(t.Context(), stack.HAProxyOptions{Backends: []backend.Config{
		{Cores: 4, SocketLife: 2 * time.Second, Seed: 1},
		{Cores: 4, SocketLife: 4 * time.Second, Seed: 2},
		{Cores: 4, SocketLife: 8 * time.Second, Seed: 3},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var said bytes.Buffer
	child := exec.CommandContext(t.Context(), trimtab, "attach", "--socket", s.Socket, "--apply", "-o", "json")
	child.Stdout, child.Stderr = &said, &said
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	sockets := make(chan error, 1)
	var got load.SocketResult
	go func() {
		var err error
		got, err = load.RunSockets(ctx, load.SocketOptions{
			URL: "ws://" + s.Addr + "/ws", Seed: 1, Rate: 40, Count: 1000, Every: time.Second, Demand: time.Millisecond,
		})
		sockets <- err
	}()
	moved, looks := 0, 0
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	for watching := true; watching; {
		select {
		case err := <-sockets:
			if err != nil {
				t.Fatal(err)
			}
			watching = false
		case <-ticker.C:
			servers, err := s.Proxy.Servers(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			looks++
			for _, server := range servers {
				if server.Weight != 100 {
					moved++
				}
			}
		}
	}
	if err := child.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err != nil {
		t.Errorf("trimtab: %v\n%s", err, &said)
	}
	if got.Opened < 500 || looks < 20 {
		t.Fatalf("%d sockets, %d looks: too little to say anything\n%s", got.Opened, looks, &said)
	}
	if moved > 0 {
		t.Errorf("%d weights moved in %d looks\n%s", moved, looks, &said)
	}
	t.Logf("%d sockets, at most %d at once, weights moved in %d looks: %d", got.Opened, got.Peak, looks, moved)
}
