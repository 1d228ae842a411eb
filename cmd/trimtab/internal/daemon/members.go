package daemon

import (
	"context"
	"log/slog"
	"maps"
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

// members finds out who is in a pool: what is configured or discovered, or else what
// the proxies have, each in the condition that the proxies give it.
type members struct {
	log        *slog.Logger
	configured []scorer.Backend
	// discovery takes the configuration's place; nil without.
	discovery tuner.Discoverer
	proxies   []tuner.Discoverer
	// addressed is that somebody needs the members even while no proxy tells them,
	// and that those configured have addresses.
	addressed bool
	// followers are told every list, too.
	followers []func([]scorer.Backend)

	missing map[string]bool
}

// fromDiscovery is the place of a list that was discovered.
const fromDiscovery = -1

// memberNews is a list, and which proxy has said it.
type memberNews struct {
	from int
	list []scorer.Backend
}

// Run implements tuner.Discoverer.
func (m *members) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	all := make(chan memberNews)
	failed := make(chan error, len(m.proxies)+1)
	var group sync.WaitGroup
	for i, d := range m.proxies {
		listen(ctx, &group, i, d, all, failed)
	}
	if m.discovery != nil {
		listen(ctx, &group, fromDiscovery, m.discovery, all, failed)
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
	heard := false // of a proxy
	alone := len(m.proxies) == 0
	// begin tells who is known, or waits for the proxies' word on them.
	begin := func() {
		switch {
		case alone:
			tell(m.configured) // nobody knows more than the configuration
		case m.addressed && len(m.configured) > 0 && late == nil:
			late = time.After(proxyPatience)
		}
	}
	if m.discovery == nil {
		begin()
	}
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-late:
			alone = true
			m.log.Warn("no proxy has said who is in the pool; the backends known otherwise are served to the others")
			tell(m.configured)
		case err := <-failed:
			if ctx.Err() != nil {
				return nil
			}
			return err
		case n := <-all:
			if n.from == fromDiscovery {
				m.configured = n.list
				m.forget()
				if !heard {
					begin()
					continue
				}
			} else {
				late, heard, alone = nil, true, false
				seen[n.from] = n.list
			}
			if m.discovery != nil && m.configured == nil {
				continue // the proxies do not say who is meant
			}
			tell(m.merge(seen))
		}
	}
}

// listen runs a discoverer and passes on what it says.
func listen(ctx context.Context, group *sync.WaitGroup, from int, d tuner.Discoverer, all chan<- memberNews, failed chan<- error) {
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
				case all <- memberNews{from, list}:
				}
			}
		}
	})
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
	for _, b := range m.known(found) {
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

// known is who is configured or discovered. What is discovered has the name of the
// proxy's server at its address, where there is none of its own name: a server that
// HAProxy was given by a template is called web1, and nobody else knows that.
func (m *members) known(found map[string]scorer.Backend) []scorer.Backend {
	if m.discovery == nil || len(found) == 0 {
		return m.configured
	}
	byAddress := map[string]string{}
	for name, b := range found {
		if before, again := byAddress[b.Address]; !again || name < before {
			byAddress[b.Address] = name
		}
	}
	out := slices.Clone(m.configured)
	for i, b := range out {
		if _, ok := found[b.Name]; ok || b.Address == "" {
			continue
		}
		if name, ok := byAddress[b.Address]; ok {
			out[i].Name = name
		}
	}
	return out
}

// forget drops who is no longer known.
func (m *members) forget() {
	maps.DeleteFunc(m.missing, func(name string, _ bool) bool {
		return !slices.ContainsFunc(m.configured, func(b scorer.Backend) bool { return b.Name == name })
	})
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
	m.log.Error("no proxy has the configured backend; its name must be that of the server in the proxy, or be discovered at its address", "backend", name)
}
