package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/child"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// startEnvoy gives trimtab the addresses of the backends: it learns the rest from
// what Envoy reports.
func (o Options) startEnvoy(ctx context.Context, r role) (_ *entry, err error) {
	e := &entry{name: r.name}
	opts := stack.EnvoyOptions{Backends: farm(), Weights: r.weights, Binary: o.Binary}
	if r.tuned {
		opts.ControlPlane = func(ctx context.Context, backends []*backend.Backend) (at string, err error) {
			e.tuner, at, err = serveEndpoints(ctx, o.Trimtab, backends)
			return at, err
		}
	}
	if e.stack, err = stack.StartEnvoy(ctx, opts); err != nil {
		if e.tuner != nil {
			err = errors.Join(err, e.tuner.Stop())
		}
		return nil, err
	}
	return e, nil
}

// serveEndpoints starts trimtab as the xDS server of a pool and returns when it
// listens, with where that is.
func serveEndpoints(ctx context.Context, program string, backends []*backend.Backend) (_ *child.Process, at string, err error) {
	if at, err = child.FreeAddress(ctx); err != nil {
		return nil, "", err
	}
	dir, err := os.MkdirTemp("", "trimtab-demo")
	if err != nil {
		return nil, "", fmt.Errorf("trimtab's configuration: %w", err)
	}
	file := filepath.Join(dir, "trimtab.yaml")
	if err := os.WriteFile(file, []byte(configuration(at, backends)), 0o600); err != nil {
		return nil, "", errors.Join(fmt.Errorf("trimtab's configuration: %w", err), os.RemoveAll(dir))
	}
	t, err := child.Start(program, "run", "--config", file)
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
	t.Dir = dir
	if err := t.Listens(ctx, at); err != nil {
		return nil, "", errors.Join(err, t.Stop())
	}
	return t, at, nil
}

// configuration is all that trimtab is told.
func configuration(xds string, backends []*backend.Backend) string {
	var b strings.Builder
	fmt.Fprintf(&b, "admin: {listen: \"127.0.0.1:0\"}\nxds: {listen: %q}\npools:\n- name: %s\n  backends:\n", xds, stack.Pool)
	for _, one := range backends {
		fmt.Fprintf(&b, "  - {name: %s, address: %q}\n", one.Config().Name, one.Addr())
	}
	b.WriteString("  targets: [envoy: {}]\n")
	return b.String()
}
