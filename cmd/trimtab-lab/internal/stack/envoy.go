package stack

import (
	"context"
	"errors"
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/xds/instance"
)

// StartEnvoy starts the backends, asks for the control plane if there is one,
// and starts Envoy. The caller has to call Close.
func StartEnvoy(ctx context.Context, opts EnvoyOptions) (_ *Stack, err error) {
	if err := opts.setDefaults(); err != nil {
		return nil, err
	}
	backends, err := startBackends(ctx, opts.Backends)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeBackends(backends))
		}
	}()
	controlPlane := ""
	if opts.ControlPlane != nil {
		if controlPlane, err = opts.ControlPlane(ctx, backends); err != nil {
			return nil, fmt.Errorf("stack: %w", err)
		}
	}
	config, err := opts.config(addresses(backends), controlPlane)
	if err != nil {
		return nil, err
	}
	in, err := instance.Start(ctx, instance.Options{
		Binary: opts.Binary, Dir: opts.Dir, Config: config, Concurrency: opts.Concurrency,
	})
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	at, err := in.Listener(ctx, listenerName)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("stack: %w", err), in.Stop())
	}
	return &Stack{Backends: backends, Proxy: envoy{in, backends}, Addr: at.String()}, nil
}

// envoy is an Envoy as a stack's proxy.
type envoy struct {
	*instance.Instance
	backends []*backend.Backend
}

// unknown is the status of a backend that Envoy has not been told of.
const unknown = "unknown"

// Servers implements Proxy: Envoy knows endpoints by address only.
func (e envoy) Servers(ctx context.Context) ([]Server, error) {
	hosts, err := e.Hosts(ctx, Pool)
	if err != nil {
		return nil, err
	}
	at := make(map[string]instance.Host, len(hosts))
	for _, h := range hosts {
		at[h.Address] = h
	}
	servers := make([]Server, len(e.backends))
	for i, b := range e.backends {
		servers[i] = Server{Name: b.Config().Name, Status: unknown}
		if h, ok := at[b.Addr()]; ok {
			servers[i].Status, servers[i].Weight = h.Health.String(), int(h.Weight)
			servers[i].Current, servers[i].Total = h.Requests, h.Total
		}
	}
	return servers, nil
}
