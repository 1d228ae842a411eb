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
	backends, closeStarted, err := runningOr(ctx, opts.Running, opts.Backends)
	if err != nil {
		return nil, err
	}
	proxy := &envoy{backends: backends}
	defer func() {
		if err != nil {
			err = errors.Join(err, proxy.Stop(), closeStarted())
		}
	}()
	controlPlane := ""
	if opts.ControlPlane != nil {
		if controlPlane, err = opts.ControlPlane(ctx, backends); err != nil {
			return nil, fmt.Errorf("stack: %w", err)
		}
	}
	if opts.Steered {
		if proxy.endpoints, err = newEndpointsFile(opts.Dir, backends, opts.Weights); err != nil {
			return nil, fmt.Errorf("stack: %w", err)
		}
	}
	config, err := opts.config(addresses(backends), controlPlane, proxy.endpoints.path())
	if err != nil {
		return nil, err
	}
	proxy.Instance, err = instance.Start(ctx, instance.Options{
		Binary: opts.Binary, Dir: opts.Dir, Config: config, Concurrency: opts.Concurrency,
	})
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	at, err := proxy.Listener(ctx, listenerName)
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	return &Stack{Backends: backends, Proxy: proxy, Addr: at.String(), shared: opts.Running != nil}, nil
}

// envoy is an Envoy as a stack's proxy.
type envoy struct {
	*instance.Instance // nil until it is started
	backends           []*backend.Backend
	endpoints          *endpointsFile // nil where they come from elsewhere
}

// Stop implements Proxy.
func (e *envoy) Stop() error {
	var err error
	if e.Instance != nil {
		err = e.Instance.Stop()
	}
	return errors.Join(err, e.endpoints.remove())
}

// unknown is the status of a backend that Envoy has not been told of.
const unknown = "unknown"

// Servers implements Proxy: Envoy knows endpoints by address only.
func (e *envoy) Servers(ctx context.Context) ([]Server, error) {
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
