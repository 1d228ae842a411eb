package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

type sourceFunc func(context.Context, chan<- scorer.Report) error

func (f sourceFunc) Run(ctx context.Context, out chan<- scorer.Report) error { return f(ctx, out) }

// From the report that decides to the weight in HAProxy: one tick at most, and
// the way there. Each pool's report comes at another moment of the tick.
func TestMeasuredReportToWeight(t *testing.T) {
	const pools = 8
	const tick = time.Second
	var text strings.Builder
	text.WriteString("global\n  maxconn 100\n  stats socket @SOCKET@ level admin\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 5s\n  timeout server 5s\n")
	for i := range pools {
		fmt.Fprintf(&text, "backend web%d\n  balance leastconn\n  server s1 127.0.0.1:1 weight 100\n  server s2 127.0.0.1:1 weight 50\n", i)
	}
	in := proxy(t, text.String())
	p, err := haproxy.New(haproxy.Config{Socket: in.Socket()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	group.Go(func() { p.Run(ctx) })
	var took [pools]time.Duration
	var measuring sync.WaitGroup
	for i := range pools {
		measuring.Go(func() {
			b := p.Backend(fmt.Sprintf("web%d", i))
			took[i] = reportToWeight(ctx, t, &group, in, b, 3*tick+time.Duration(i)*tick/pools)
		})
	}
	measuring.Wait()
	slices.Sort(took[:])
	t.Logf("from the report to the weight in force, with a tick of %v: %v to %v, all of %d: %v", tick, took[0], took[pools-1], pools, took)
	// Several ticks would be a fault. One second in which HAProxy does not run is none,
	// and meets those whose tick is due then.
	if took[pools/2] > 2*tick || took[pools-1] > 5*tick {
		t.Errorf("%v from the report to the weight at the median and %v at the most, want about one tick", took[pools/2], took[pools-1])
	}
}

// reportToWeight tunes one backend from reports in which s1 fails everything after
// some time, and returns how long HAProxy went on sending it work after that.
func reportToWeight(ctx context.Context, t *testing.T, group *sync.WaitGroup, in *instance.Instance, b *haproxy.Backend, after time.Duration) time.Duration {
	model, err := scorer.New(scorer.Config{Name: b.Name(), Limits: scorer.Limits{MaxEjected: 0.5}})
	if err != nil {
		t.Error(err)
		return 0
	}
	fail := make(chan time.Time, 1)
	reports := sourceFunc(func(ctx context.Context, out chan<- scorer.Report) error {
		const interval = 50 * time.Millisecond
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		failing := false
		for begun := time.Now(); ; {
			select {
			case <-ctx.Done():
				return nil
			case now := <-ticker.C:
				if !failing && now.Sub(begun) > after {
					failing = true
					fail <- now
				}
				for _, name := range []string{"s1", "s2"} {
					r := scorer.NewReport(name, "test", now)
					r.ByProxy, r.Interval, r.InFlight, r.RPS, r.EPS = true, interval, 4, 5000, 0
					if failing && name == "s1" {
						r.RPS, r.EPS = 1e5, 1e5 // who fails fast takes everything
					}
					out <- r
				}
			}
		}
	})
	tuned := tuner.New(tuner.Options{
		Pool:        model,
		Sources:     []tuner.NamedSource{{Name: "test", Source: reports}},
		Discoverers: []tuner.NamedDiscoverer{{Name: "web", Discoverer: b.Members()}},
		Targets:     []tuner.NamedTarget{{Name: "haproxy", Target: b}},
	})
	group.Go(func() { tuned.Run(ctx) })
	failed := <-fail
	for !strings.HasPrefix(ask(t, in, "get weight "+b.Name()+"/s1"), "0 ") {
		if time.Since(failed) > patience {
			t.Errorf("weight never set: %+v", tuned.Snapshot().Targets)
			return 0
		}
	}
	return time.Since(failed)
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
	r := child(t, yaml.String())
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
	text, err := os.ReadFile("/proc/" + strconv.Itoa(r.process.Pid) + "/status")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "VmRSS") || strings.HasPrefix(line, "VmHWM") {
			t.Logf("%d pools of %d servers: %s", pools, servers, strings.TrimSpace(line))
		}
	}
}
