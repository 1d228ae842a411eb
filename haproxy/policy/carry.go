package policy

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/trimtab-lb/trimtab/haproxy"
)

// Carried is what a reload did to what had been set at run time.
type Carried struct {
	// Set lists what was set again in the new worker, as commands.
	Set []string
	// Notes say in words what was lost, or is not as it was.
	Notes []string
}

// carry sets in the new worker what the old one had, in all its backends: a
// reload loses it everywhere. It reads back what is in force.
func carry(ctx context.Context, s *haproxy.Session, before, now worker) (Carried, error) {
	var out Carried
	for _, name := range before.order {
		was := before.servers[name]
		is, ok := now.servers[name]
		if !ok {
			out.Notes = append(out.Notes, fmt.Sprintf("server %s is not in the configuration (added at run time?) and is gone", name))
			continue
		}
		out.Set = append(out.Set, commands(name, was, is)...)
		if !was.resolved && !is.resolved && (was.address != is.address || was.port != is.port) {
			out.Notes = append(out.Notes, fmt.Sprintf("server %s was at %s:%s and is at %s:%s, as the configuration says", name, was.address, was.port, is.address, is.port))
		}
	}
	if len(out.Set) == 0 {
		return out, nil
	}
	var refused []error
	_, err := s.Exchange(ctx, out.Set, func(i int, text []byte) error {
		if len(text) > 0 {
			refused = append(refused, fmt.Errorf("%s: HAProxy says %q", out.Set[i], text))
		}
		return nil
	})
	if err = errors.Join(append(refused, err)...); err != nil {
		return out, fmt.Errorf("carry weights and states over: %w", err)
	}
	after, _, err := look(ctx, s)
	if err != nil {
		return out, fmt.Errorf("read back weights and states: %w", err)
	}
	if after.pid != now.pid {
		return out, errors.New("carry weights and states over: HAProxy was reloaded once more meanwhile")
	}
	for _, name := range before.order {
		if is, ok := after.servers[name]; ok && len(commands(name, before.servers[name], is)) > 0 {
			out.Notes = append(out.Notes, fmt.Sprintf("server %s has weight %d, state %s: somebody has set it since", name, is.weight, is.admin.word()))
		}
	}
	return out, nil
}

// commands make a server what it was. A weight that was the configured one stays
// what the configuration says now. The state comes first: what is drained should
// get as little as can be meanwhile.
func commands(name string, was, is server) []string {
	if strings.ContainsAny(name, ";\\") {
		return nil // HAProxy has no such names
	}
	var out []string
	if was.admin.word() != is.admin.word() {
		out = append(out, "set server "+name+" state "+was.admin.word())
	}
	setAtRunTime := was.weight != was.initial || was.initial == is.initial
	if setAtRunTime && was.weight != is.weight {
		out = append(out, fmt.Sprintf("set server %s weight %d", name, was.weight))
	}
	return out
}
