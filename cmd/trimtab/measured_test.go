package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

type sourceFunc func(context.Context, chan<- scorer.Report) error

func (f sourceFunc) Run(ctx context.Context, out chan<- scorer.Report) error { return f(ctx, out) }

// From the report that decides to the weight in HAProxy: one tick at most, and
// the way there.
func TestMeasuredReportToWeight(t *testing.T) {
	in := proxy(t, twoPools)
	p, err := haproxy.New(haproxy.Config{Socket: in.Socket()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	polling := make(chan struct{})
	go func() { defer close(polling); p.Run(ctx) }()

	model, err := scorer.New(scorer.Config{Name: "web", Limits: scorer.Limits{MaxEjected: 0.5}})
	if err != nil {
		t.Fatal(err)
	}
	// s1 fails everything from a moment on.
	fail := make(chan time.Time, 1)
	reports := sourceFunc(func(ctx context.Context, out chan<- scorer.Report) error {
		ticker := time.NewTicker(100 * time.Millisecond)
		defer ticker.Stop()
		failing := false
		for begun := time.Now(); ; {
			select {
			case <-ctx.Done():
				return nil
			case now := <-ticker.C:
				if !failing && now.Sub(begun) > 3*time.Second {
					failing = true
					fail <- now
				}
				for _, name := range []string{"s1", "s2"} {
					r := scorer.NewReport(name, "test", now)
					r.ByProxy, r.Interval, r.InFlight, r.RPS, r.EPS = true, 100*time.Millisecond, 4, 5000, 0
					if failing && name == "s1" {
						r.EPS = r.RPS
					}
					out <- r
				}
			}
		}
	})
	b := p.Backend("web")
	tuned := tuner.New(tuner.Options{
		Pool:        model,
		Sources:     []tuner.NamedSource{{Name: "test", Source: reports}},
		Discoverers: []tuner.NamedDiscoverer{{Name: "web", Discoverer: b.Members()}},
		Targets:     []tuner.NamedTarget{{Name: p.Name(), Target: b}},
	})
	done := make(chan struct{})
	go func() { defer close(done); tuned.Run(ctx) }()
	failed := <-fail
	for !strings.HasPrefix(ask(t, in, "get weight web/s1"), "0 ") {
		if time.Since(failed) > 10*time.Second {
			t.Fatalf("weight never set: %+v", tuned.Snapshot().Targets)
		}
	}
	took := time.Since(failed)
	t.Logf("from the report to the weight in force: %v, with a tick of 1 s", took)
	// Several ticks would be a fault; a busy machine's milliseconds are not.
	if took > 2*time.Second {
		t.Errorf("%v from the report to the weight, want about one tick", took)
	}
	cancel()
	<-done
	<-polling
}

// What 100 pools of 100 servers take.
func TestMeasuredMemory(t *testing.T) {
	const pools, servers = 100, 100
	var config, yaml strings.Builder
	config.WriteString("global\n  maxconn 100\n  stats socket @SOCKET@ level admin\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n")
	for i := range pools {
		fmt.Fprintf(&config, "backend pool%03d\n  balance leastconn\n", i)
		for k := range servers {
			fmt.Fprintf(&config, "  server s%03d 127.0.0.1:1 weight 100\n", k)
		}
	}
	in := proxy(t, config.String())
	for i := range pools {
		fmt.Fprintf(&yaml, "  - {name: pool%03d, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", i, in.Socket())
	}
	binary := filepath.Join(t.TempDir(), "trimtab")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	r := &running{addr: freePort(t), config: filepath.Join(t.TempDir(), "trimtab.yaml"), log: &lockedBuffer{}}
	write(t, r.config, r.text(yaml.String()))
	child := exec.CommandContext(t.Context(), binary, "run", "--config", r.config)
	child.Stderr = r.log
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Signal(os.Interrupt)
		if err := child.Wait(); err != nil {
			t.Errorf("trimtab: %v\n%s", err, r.log)
		}
	}()
	// Now and then: who asks is not to be what is measured.
	r.untilEvery(t, 4*time.Second, "steering them all for ten steps", func(d status.Document) bool {
		if len(d.Pools) != pools {
			return false
		}
		for _, p := range d.Pools {
			if p.Tick < 10 || !p.Targets[0].InSync || len(p.Backends) != servers {
				return false
			}
		}
		return true
	})
	text, err := os.ReadFile("/proc/" + strconv.Itoa(child.Process.Pid) + "/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
			t.Logf("%d pools of %d servers: %s", pools, servers, strings.TrimSpace(line))
		}
	}
}
