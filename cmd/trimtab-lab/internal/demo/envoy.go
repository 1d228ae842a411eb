package demo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
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
			err = errors.Join(err, e.tuner.stop())
		}
		return nil, err
	}
	return e, nil
}

// serveEndpoints starts trimtab as the xDS server of a pool and returns when it
// listens, with where that is.
func serveEndpoints(ctx context.Context, program string, backends []*backend.Backend) (_ *tuner, at string, err error) {
	if at, err = freeAddress(ctx); err != nil {
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
	t, err := startTuner(program, "run", "--config", file)
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
	t.dir = dir
	if err := t.listens(ctx, at); err != nil {
		return nil, "", errors.Join(err, t.stop())
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

// freeAddress is an ip:port that nobody listens on. Where all of 127.0.0.0/8 is
// this machine's it is on an address of its own, so that no connection of another
// program can take the port before trimtab has it.
func freeAddress(ctx context.Context) (string, error) {
	own := net.IPv4(127, byte(1+rand.IntN(254)), byte(rand.IntN(256)), byte(1+rand.IntN(254)))
	var errs []error
	for _, ip := range []net.IP{own, net.IPv4(127, 0, 0, 1)} {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(ip.String(), "0"))
		if err == nil {
			return l.Addr().String(), l.Close()
		}
		errs = append(errs, err)
	}
	return "", fmt.Errorf("an address for trimtab: %w", errors.Join(errs...))
}
