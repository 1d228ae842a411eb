package haproxy

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// agent answers agent-checks with a text.
func agent(t *testing.T, text string) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, text+"\n")
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	_, port, err = net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func withAgent(t *testing.T, binary string) *instance.Instance {
	t.Helper()
	return start(t, instance.Options{
		Binary: binary,
		Config: preamble + "backend ws\n  balance leastconn\n  server s1 127.0.0.1:1 weight 100\n" +
			"  server s2 127.0.0.1:1 weight 100 agent-check agent-inter 50ms agent-port " + agent(t, "up 80%") + "\n",
	})
}

func TestAgentThatOverwritesIsWarnedOf(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := withAgent(t, binary)
		var log journal
		p := newProxy(t, Config{Socket: in.Socket(), Logger: log.logger()})
		b := p.Backend("ws")
		run(t, p)
		watched(t, b)
		plan := static(map[string]float64{"s1": 1, "s2": 0.5})
		until(t, eventually, func() error {
			if note := noteOf(apply(t, b, plan), "s2"); !strings.Contains(note, "someone else") {
				return errors.New("overwriting was not noticed")
			}
			return nil
		})
		for range 3 {
			apply(t, b, plan)
		}
		if n := log.count("agent-checks set weights"); n != 1 {
			t.Errorf("warned %d times", n)
		}
		if warnings := apply(t, b, plan).Warnings; len(warnings) != 1 || !strings.Contains(warnings[0], "s2") {
			t.Errorf("warnings %q", warnings)
		}
	})
}

func TestAgentIsDisabledAndEnabledAgain(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := withAgent(t, binary)
		p := newProxy(t, Config{Socket: in.Socket(), DisableAgents: true})
		b := p.Backend("ws")
		run(t, p)
		watched(t, b)
		plan := static(map[string]float64{"s1": 1, "s2": 0.5})
		until(t, eventually, func() error {
			apply(t, b, plan)
			return wantWeight(t, in, "ws/s2", 50)
		})
		// Ten checks later nobody has overwritten it.
		settled := time.Now()
		until(t, eventually, func() error {
			if err := wantWeight(t, in, "ws/s2", 50); err != nil {
				t.Fatal(err)
			}
			if time.Since(settled) < 500*time.Millisecond {
				return errors.New("not yet")
			}
			return nil
		})
		if err := b.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		until(t, eventually, func() error { return wantWeight(t, in, "ws/s2", 80) })
	})
}
