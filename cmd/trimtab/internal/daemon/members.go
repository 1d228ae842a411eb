package daemon

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// proxyPatience is how long configured backends wait for a proxy's word on them
// where others could be served without it.
const proxyPatience = 3 * time.Second

// members finds out who is in a pool: what is configured, or else what the
// proxies have, each in the condition that the proxies give it.
type members struct {
	log        *slog.Logger
	configured []scorer.Backend
	proxies    []tuner.Discoverer
	// addressed is that somebody needs the members even while no proxy tells them,
	// and that those configured have addresses.
	addressed bool
	// followers are told every list, too.
	followers []func([]scorer.Backend)

	missing map[string]bool
}

// Run implements tuner.Discoverer.
func (m *members) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	type news struct {
		from int
		list []scorer.Backend
	}
	all := make(chan news)
	failed := make(chan error, len(m.proxies))
	var group sync.WaitGroup
	for i, d := range m.proxies {
		lists := make(chan []scorer.Backend)
		group.Go(func() { failed <- d.Run(ctx, lists) })
		group.Go(func() {
			for {
				select {
				case <-ctx.Done():
					return
				case list := <-lists:
					select {
					case <-ctx.Done():
						return
					case all <- news{i, list}:
					}
				}
			}
		})
	}
	defer group.Wait()
	defer cancel()
	seen := make([][]scorer.Backend, len(m.proxies))
	tell := func(list []scorer.Backend) {
		for _, follow := range m.followers {
			follow(list)
		}
		select {
		case <-ctx.Done():
		case out <- list:
		}
	}
	var late <-chan time.Time
	switch {
	case len(m.proxies) == 0:
		tell(m.configured) // nobody knows more than the configuration
	case m.addressed && len(m.configured) > 0:
		timer := time.NewTimer(proxyPatience)
		defer timer.Stop()
		late = timer.C
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-late:
			m.log.Warn("no proxy has said who is in the pool; the configured backends are served to the others")
			tell(m.configured)
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return err
		case n := <-all:
			late = nil
			seen[n.from] = n.list
			tell(m.merge(seen))
		}
	}
}

// merge makes one list of what each proxy has. A backend takes work while one
// proxy gives it any.
func (m *members) merge(seen [][]scorer.Backend) []scorer.Backend {
	found := map[string]scorer.Backend{}
	for _, list := range seen {
		for _, b := range list {
			if before, ok := found[b.Name]; ok {
				b.Condition = min(b.Condition, before.Condition)
				b.Capacity = before.Capacity
			}
			found[b.Name] = b
		}
	}
	var out []scorer.Backend
	if len(m.configured) == 0 {
		for _, b := range found {
			out = append(out, b)
		}
	}
	for _, b := range m.configured {
		proxys, ok := found[b.Name]
		m.note(b.Name, ok)
		if !ok {
			continue
		}
		b.Condition = proxys.Condition
		if b.Address == "" {
			b.Address = proxys.Address
		}
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b scorer.Backend) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// note says once when a configured backend is unknown to every proxy, and when
// it is there again.
func (m *members) note(name string, found bool) {
	if m.missing == nil {
		m.missing = map[string]bool{}
	}
	if found == !m.missing[name] {
		return
	}
	m.missing[name] = !found
	if found {
		m.log.Info("the proxy has the configured backend now", "backend", name)
		return
	}
	m.log.Error("no proxy has the configured backend; its name must be that of the server in the proxy", "backend", name)
}
