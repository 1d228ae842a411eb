package stack

import (
	"fmt"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// HAProxyOptions say what a stack with a HAProxy is made of. Zero values mean
// the defaults given.
type HAProxyOptions struct {
	// Backends are the emulated servers; those without a name are called s1,
	// s2, … by their place.
	Backends []backend.Config
	// Running are backends that are there already, instead of Backends: several
	// proxies may share them. They stay with who has started them.
	Running []*backend.Backend
	// Weights are HAProxy's initial ones, 100 each by default.
	Weights []int
	// Balance is the algorithm, leastconn by default.
	Balance string
	// Mode is http (default) or tcp.
	Mode string
	// Slots is how many further servers are there, disabled, for tests that
	// add some: slot1, slot2, …
	Slots int
	// MaxConn is the process's limit of connections, 2000 by default.
	MaxConn int
	// Threads is HAProxy's nbthread, 1 by default.
	Threads int
	// Lines are put into the backend section as they are.
	Lines []string
	// ServerOptions are put at the end of each server's line.
	ServerOptions string
	// EachServer is further options, by server, after those.
	EachServer []string
	// Timeout is how long an answer may take, a minute by default.
	Timeout time.Duration
	// Binary is HAProxy's path, and Dir where its temporary directory is made;
	// "" for both means the system's.
	Binary, Dir string
}

func (o *HAProxyOptions) setDefaults() error {
	var err error
	if o.Running != nil {
		o.Backends = configs(o.Running)
	}
	if o.Backends, o.Weights, err = members(o.Backends, o.Weights); err != nil {
		return err
	}
	if o.EachServer == nil {
		o.EachServer = make([]string, len(o.Backends))
	}
	if len(o.EachServer) != len(o.Backends) {
		return fmt.Errorf("stack: options for %d servers of %d", len(o.EachServer), len(o.Backends))
	}
	setDefault(&o.Timeout, defaultTimeout)
	setDefault(&o.Balance, "leastconn")
	setDefault(&o.Mode, "http")
	setDefault(&o.MaxConn, 2000)
	setDefault(&o.Threads, 1)
	return nil
}

func setDefault[T comparable](v *T, to T) {
	var zero T
	if *v == zero {
		*v = to
	}
}

// config writes the HAProxy configuration for backends at these addresses.
func (o HAProxyOptions) config(addrs []string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("global")
	line("  maxconn %d", o.MaxConn)
	line("  nbthread %d", o.Threads)
	line("  stats socket @SOCKET@ level admin")
	line("defaults")
	line("  mode %s", o.Mode)
	line("  maxconn %d", o.MaxConn)
	line("  timeout connect 2s")
	line("  timeout client %dms", o.Timeout.Milliseconds())
	line("  timeout server %dms", o.Timeout.Milliseconds())
	line("  timeout tunnel 1h")
	line("frontend lab")
	line("  bind @FD0@")
	line("  default_backend %s", Pool)
	line("backend %s", Pool)
	line("  balance %s", o.Balance)
	for _, l := range o.Lines {
		line("  %s", l)
	}
	for i, addr := range addrs {
		line("  server %s %s weight %d %s %s", o.Backends[i].Name, addr, o.Weights[i], o.ServerOptions, o.EachServer[i])
	}
	if o.Slots > 0 {
		line("  server-template slot 1-%d 127.0.0.1:1 disabled weight 100 %s", o.Slots, o.ServerOptions)
	}
	return b.String()
}
