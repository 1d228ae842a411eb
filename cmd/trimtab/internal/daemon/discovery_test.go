package daemon

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// teller passes on lists as it is told them.
type teller chan []scorer.Backend

func (d teller) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case list := <-d:
			select {
			case <-ctx.Done():
				return nil
			case out <- list:
			}
		}
	}
}

func backend(name, address string, capacity float64) scorer.Backend {
	return scorer.Backend{Name: name, Address: address, Capacity: capacity}
}

func runMembers(t *testing.T, m *members) <-chan []scorer.Backend {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := make(chan []scorer.Backend), make(chan error, 1)
	go func() { ended <- m.Run(ctx, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return out
}

func wantMembers(t *testing.T, out <-chan []scorer.Backend, want ...scorer.Backend) {
	t.Helper()
	if diff := cmp.Diff(want, <-out); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestWhoIsDiscoveredIsToldAtOnceWhereNoProxyTells(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := make(teller)
		out := runMembers(t, &members{log: slog.New(slog.DiscardHandler), discovery: d, addressed: true})
		d <- []scorer.Backend{backend("a", "10.0.0.1:80", 2)}
		wantMembers(t, out, backend("a", "10.0.0.1:80", 2))
		d <- []scorer.Backend{backend("b", "10.0.0.2:80", 1)}
		wantMembers(t, out, backend("b", "10.0.0.2:80", 1))
	})
}

// What a HAProxy has and nobody discovers is not the pool's; its servers are found by
// name or by address.
func TestDiscoveredBackendsAreTheProxysServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, proxy := make(teller), make(teller)
		out := runMembers(t, &members{log: slog.New(slog.DiscardHandler), discovery: d, proxies: []tuner.Discoverer{proxy}})
		down := backend("web3", "10.0.0.3:80", 100)
		down.Condition = scorer.Down
		proxy <- []scorer.Backend{backend("web1", "10.0.0.1:80", 100), backend("web2", "10.0.0.2:80", 100), down}
		synctest.Wait()
		select {
		case list := <-out:
			t.Errorf("told %v before anything was discovered", list)
		default:
		}
		d <- []scorer.Backend{backend("10.0.0.1:80", "10.0.0.1:80", 8), backend("web3", "10.0.0.3:80", 4)}
		down.Capacity = 4
		wantMembers(t, out, backend("web1", "10.0.0.1:80", 8), down)
		d <- []scorer.Backend{backend("10.0.0.2:80", "10.0.0.2:80", 1), backend("elsewhere", "10.0.0.9:80", 1)}
		wantMembers(t, out, backend("web2", "10.0.0.2:80", 1))
	})
}

func TestWhoIsDiscoveredIsServedWhileNoProxyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, proxy := make(teller), make(teller)
		out := runMembers(t, &members{log: slog.New(slog.DiscardHandler), discovery: d, proxies: []tuner.Discoverer{proxy}, addressed: true})
		began := time.Now()
		d <- []scorer.Backend{backend("a", "10.0.0.1:80", 1)}
		wantMembers(t, out, backend("a", "10.0.0.1:80", 1))
		if took := time.Since(began); took != proxyPatience {
			t.Errorf("told after %s", took)
		}
		d <- []scorer.Backend{backend("b", "10.0.0.2:80", 1)}
		wantMembers(t, out, backend("b", "10.0.0.2:80", 1))
		proxy <- []scorer.Backend{backend("b", "10.0.0.2:80", 50)}
		wantMembers(t, out, backend("b", "10.0.0.2:80", 1))
	})
}
