package haproxy

import (
	"context"
	"maps"
	"slices"
	"strings"
)

// handleAgents sees to servers whose agent-check sets weights: the last writer
// wins, and the agent writes at every check. They are switched off where that
// is wished, and warned of once where it is not.
func (b *Backend) handleAgents(ctx context.Context, v *view) error {
	f := &b.following
	var found []string
	for i := range v.servers {
		s := &v.servers[i]
		if s.agent && !f.agents[s.name] {
			found = append(found, s.name)
		}
	}
	if len(found) == 0 {
		return nil
	}
	if b.proxy.config.DisableAgents {
		if err := b.command(ctx, "disable agent", found); err != nil {
			return err
		}
		for _, name := range found {
			f.agents[name] = true
		}
		b.proxy.log.Info("agent-checks switched off while trimtab sets weights", "backend", b.name, "servers", found)
		return nil
	}
	if all := strings.Join(found, " "); !f.warned[all] {
		f.warned[all] = true
		b.proxy.log.Warn("agent-checks set weights, too, and will overwrite trimtab's: use disable_agents, or \"disable agent\" on the socket",
			"backend", b.name, "servers", found)
	}
	return nil
}

// enableAgents switches on again what handleAgents has switched off.
func (b *Backend) enableAgents(ctx context.Context) error {
	names := slices.Sorted(maps.Keys(b.following.agents))
	if len(names) == 0 {
		return nil
	}
	if err := b.command(ctx, "enable agent", names); err != nil {
		return err
	}
	clear(b.following.agents)
	return nil
}

// command sends one command for each server; all must be silent.
func (b *Backend) command(ctx context.Context, verb string, servers []string) error {
	commands := make([]string, len(servers))
	for i, name := range servers {
		address, err := b.address(name)
		if err != nil {
			return err
		}
		commands[i] = verb + " " + address
	}
	_, err := b.tell(ctx, commands, func(int) {})
	return err
}
