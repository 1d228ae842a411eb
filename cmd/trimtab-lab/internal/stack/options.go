package stack

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// Pool is the name of the HAProxy backend section.
const Pool = "pool"

// Options say what a stack is made of. Zero values mean the defaults given.
type Options struct {
	// Backends are the emulated servers; those without a name are called s1,
	// s2, … by their place.
	Backends []backend.Config
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
	// Binary is HAProxy's path, and Dir where its temporary directory is made;
	// "" for both means the system's.
	Binary, Dir string
}

func (o *Options) setDefaults() error {
	if len(o.Backends) == 0 {
		return errors.New("stack: no backends")
	}
	o.Backends = append([]backend.Config(nil), o.Backends...)
	for i := range o.Backends {
		if o.Backends[i].Name == "" {
			o.Backends[i].Name = fmt.Sprintf("s%d", i+1)
		}
	}
	if o.Weights == nil {
		o.Weights = make([]int, len(o.Backends))
		for i := range o.Weights {
			o.Weights[i] = 100
		}
	}
	if len(o.Weights) != len(o.Backends) {
		return fmt.Errorf("stack: %d weights for %d backends", len(o.Weights), len(o.Backends))
	}
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
func (o Options) config(addrs []string) string {
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
	line("  timeout client 1m")
	line("  timeout server 1m")
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
		line("  server %s %s weight %d %s", o.Backends[i].Name, addr, o.Weights[i], o.ServerOptions)
	}
	if o.Slots > 0 {
		line("  server-template slot 1-%d 127.0.0.1:1 disabled weight 100 %s", o.Slots, o.ServerOptions)
	}
	return b.String()
}
