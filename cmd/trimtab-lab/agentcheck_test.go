package main

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realtime"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/haproxy/agentcheck"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// farm are the demo's backends.
func farm() []backend.Config {
	return []backend.Config{{Cores: 8}, {Cores: 8}, {Cores: 4}, {Cores: 4}, {Cores: 2}}
}

// A HAProxy that offers no socket, only its statistics page and agent-checks,
// does about as well as one whose weights are the true capacities.
func TestMeasuredAgentCheckOnly(t *testing.T) {
	if testing.Short() || underRace {
		t.Skip("takes the better part of a minute, and measures: it has its turn without -race")
	}
	_, err := instance.Find()
	needed(t, err)
	_, _ = realtime.Enter() // where allowed, neighbours do not disturb
	const (
		demand = 40 * time.Millisecond
		warmup = 20 * time.Second
		length = 20 * time.Second
	)
	var stacks []*stack.Stack
	for _, weights := range [][]int{{100, 100, 100, 100, 100}, {256, 256, 128, 128, 64}} {
		s, err := stack.StartHAProxy(t.Context(), stack.HAProxyOptions{Backends: farm(), Weights: weights})
		if err != nil {
			t.Fatal(err)
		}
		closedAfter(t, s)
		stacks = append(stacks, s)
	}
	asking, told := agentChecked(t)
	stacks = append(stacks, asking)

	got, err := stack.Run(t.Context(), load.Shape{Seed: 1, Rate: 0.7 * 26 / demand.Seconds(), MeanDemand: demand}, warmup, length, stacks...)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range []string{"equal weights", "known capacities", "agent-check only"} {
		t.Logf("%s: p50 %v, p99 %v, imbalance %.2f; %v", name,
			got[i].Latency.P50, got[i].Latency.P99, got[i].Imbalance, got[i].Validity)
		if got[i].Errors.Total() > 0 {
			t.Errorf("%s: errors %+v", name, got[i].Errors)
		}
	}
	servers, err := asking.Proxy.Servers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	moved := 0
	for _, server := range servers {
		if server.Weight != 100 {
			moved++
		}
	}
	snapshot := told()
	t.Logf("weights %+v\nplan %s: %s", servers, snapshot.Plan.Law, snapshot.Plan.LawWhy)
	if moved == 0 || snapshot.Plan.Law != scorer.LawCapacity || !snapshot.Targets[0].InSync {
		t.Errorf("%d weights moved, law %s, target %+v", moved, snapshot.Plan.Law, snapshot.Targets[0])
	}
	ratio := func(of int) float64 { return float64(got[of].Latency.P99) / float64(got[1].Latency.P99) }
	t.Logf("p99 over that of known capacities: %.3f (equal weights: %.3f)", ratio(2), ratio(0))
	if !stack.Valid(got) {
		t.Skip("INVALID: this machine is too busy to measure on, so that nothing is shown")
	}
	if ratio(2) > 1.1 {
		t.Errorf("p99 is %.3f of that of known capacities, want 1.10 at most", ratio(2))
	}
}

// agentChecked is a stack whose HAProxy asks a trimtab in this process, which
// reads nothing but the statistics page. Nobody but the judge uses its socket.
func agentChecked(t *testing.T) (*stack.Stack, func() *tuner.Snapshot) {
	t.Helper()
	answering, err := agentcheck.Listen(t.Context(), agentcheck.Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	var backends []*backend.Backend
	var lines strings.Builder
	_, port, err := net.SplitHostPort(answering.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range farm() {
		c.Name = fmt.Sprintf("s%d", i+1)
		b, err := backend.Start(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		backends = append(backends, b)
		fmt.Fprintf(&lines, "  server %s %s weight 100 agent-check agent-inter 1s agent-addr 127.0.0.1 agent-port %s agent-send \"%s/%s\\n\"\n",
			c.Name, b.Addr(), port, stack.Pool, c.Name)
	}
	in, err := instance.Start(t.Context(), instance.Options{Listeners: 2, Config: `global
  maxconn 2000
  nbthread 1
  stats socket @SOCKET@ level user
defaults
  mode http
  maxconn 2000
  timeout connect 2s
  timeout client 1m
  timeout server 1m
frontend lab
  bind @FD0@
  default_backend ` + stack.Pool + `
frontend page
  bind @FD1@
  stats enable
  stats uri /stats
  stats show-legends
backend ` + stack.Pool + `
  balance leastconn
` + lines.String()})
	if err != nil {
		t.Fatal(err)
	}
	s := stack.BehindHAProxy(in, backends...)
	closedAfter(t, s)

	page, err := haproxy.NewStatsPage(haproxy.StatsPageConfig{URL: "http://" + in.Addr(1) + "/stats", Backend: stack.Pool})
	if err != nil {
		t.Fatal(err)
	}
	target, err := answering.Target(stack.Pool, agentcheck.TargetOptions{InitialWeight: 100, Statistics: page})
	if err != nil {
		t.Fatal(err)
	}
	model, err := scorer.New(scorer.Config{Name: stack.Pool})
	if err != nil {
		t.Fatal(err)
	}
	tuned := tuner.New(tuner.Options{
		Pool:        model,
		Sources:     []tuner.NamedSource{{Name: page.Name(), Source: page.Reports()}},
		Discoverers: []tuner.NamedDiscoverer{{Name: page.Name(), Discoverer: page.Members()}},
		Targets:     []tuner.NamedTarget{{Name: target.Name(), Target: target}},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { page.Run(ctx) })
	running.Go(func() { tuned.Run(ctx) })
	running.Go(func() {
		if err := answering.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return s, tuned.Snapshot
}

func closedAfter(t *testing.T, s *stack.Stack) {
	t.Helper()
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
