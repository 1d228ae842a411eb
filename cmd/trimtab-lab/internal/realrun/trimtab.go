package realrun

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/child"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
	"github.com/trimtab-lb/trimtab/scorer"
)

// trimtab is the real program with a configuration as a person would write it.
type trimtab struct {
	*child.Process
	program, file string
	config        config
	// written is what the file says, and drained who is under an order.
	written string
	drained map[string]bool
}

// config is all that trimtab is told.
type config struct {
	scenario *simulate.Scenario
	proxy    simulate.Proxy
	backends []*backend.Backend
	// period is how often backends are asked for reports, 0 for never.
	period     time.Duration
	admin, xds string
	sockets    []string
}

// startTrimtab returns when the program listens.
func startTrimtab(ctx context.Context, program string, c config, now []simulate.Condition) (_ *trimtab, err error) {
	if c.admin, err = child.FreeAddress(ctx); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "trimtab-lab")
	if err != nil {
		return nil, fmt.Errorf("trimtab's configuration: %w", err)
	}
	t := &trimtab{program: program, file: filepath.Join(dir, "trimtab.yaml"), config: c, drained: map[string]bool{}}
	if err := t.write(now); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	if t.Process, err = child.Start(program, "run", "--config", t.file); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	t.Dir = dir
	for _, at := range []string{c.admin, c.xds} {
		if at == "" {
			continue
		}
		if err := t.Listens(ctx, at); err != nil {
			return nil, errors.Join(err, t.Stop())
		}
	}
	return t, nil
}

// reload tells the program who is in the pool now.
func (t *trimtab) reload(now []simulate.Condition) error {
	if t.config.text(now) == t.written {
		return nil
	}
	if err := t.write(now); err != nil {
		return err
	}
	t.Signal(syscall.SIGHUP)
	return nil
}

func (t *trimtab) write(now []simulate.Condition) error {
	t.written = t.config.text(now)
	if err := os.WriteFile(t.file, []byte(t.written), 0o600); err != nil {
		return fmt.Errorf("trimtab's configuration: %w", err)
	}
	return nil
}

func (c config) text(now []simulate.Condition) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("admin: {listen: %q}", c.admin)
	if c.xds != "" {
		line("xds: {listen: %q}", c.xds)
	}
	line("pools:")
	line("- name: %s", stack.Pool)
	line("  backends:")
	for i, at := range c.backends {
		if s := &c.scenario.Backends[i]; !absent(&now[i]) {
			line("  - {name: %q, address: %q, capacity: %v}", s.Name, at.Addr(), capacity(s, &now[i]))
		}
	}
	if c.period > 0 {
		line("  load: [http: {path: /load, period: %v}]", c.period)
	}
	if shed := c.shed(); shed != "" {
		line("  shed: {%s}", shed)
	}
	line("  targets:")
	for _, socket := range c.sockets {
		line("  - haproxy: {socket: %q, backend: %s}", socket, stack.Pool)
	}
	if c.xds != "" {
		line("  - envoy: {%s}", c.envoy())
	}
	return b.String()
}

// envoy says what Envoy's own configuration has.
func (c config) envoy() string {
	if c.proxy.Algorithm == scorer.RoundRobin {
		return "policy: round_robin"
	}
	if c.proxy.Bias != nil {
		return fmt.Sprintf("policy: least_request, bias: %v", *c.proxy.Bias)
	}
	return "policy: least_request"
}
