package demo

import (
	"context"
	"errors"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/child"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// Proxy is what the demo is shown on.
type Proxy string

// The proxies.
const (
	HAProxy Proxy = "haproxy"
	Envoy   Proxy = "envoy"
)

// title is the proxy's name for people.
func (p Proxy) title() string {
	if p == Envoy {
		return "Envoy"
	}
	return "HAProxy"
}

// role is what a stack is there to show.
type role struct {
	name    string
	weights []int
	tuned   bool
}

func (o Options) roles() []role {
	untouched := role{name: Untouched, weights: equal()}
	tuned := role{name: Trimtab, weights: equal(), tuned: true}
	omniscient := role{name: Known, weights: known()}
	if o.Trimtab == "" {
		return []role{untouched, omniscient}
	}
	return []role{untouched, tuned, omniscient}
}

// start starts the stack of a role, and trimtab with it where that has one.
func (o Options) start(ctx context.Context, r role) (*entry, error) {
	if o.Proxy == Envoy {
		return o.startEnvoy(ctx, r)
	}
	return o.startHAProxy(ctx, r)
}

// farm are the backends of one stack.
func farm() []backend.Config {
	var all []backend.Config
	for _, c := range cores() {
		all = append(all, backend.Config{Cores: c, ReportWindow: reportWindow})
	}
	return all
}

// startHAProxy gives trimtab nothing but the socket.
func (o Options) startHAProxy(ctx context.Context, r role) (*entry, error) {
	s, err := stack.StartHAProxy(ctx, stack.HAProxyOptions{Backends: farm(), Weights: r.weights, Binary: o.Binary})
	if err != nil {
		return nil, err
	}
	e := &entry{name: r.name, stack: s}
	if r.tuned {
		if e.tuner, err = child.Start(o.Trimtab, "attach", "--socket", s.Socket, "--apply"); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return e, nil
}
