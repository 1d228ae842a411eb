package haproxy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

const (
	agentAdvice = "an agent-check may overwrite weights (disable_agents, or --disable-agents of attach, or \"disable agent BACKEND/SERVER\" on the socket, stops it): "
	slowAdvice  = "HAProxy's slowstart ramps weights, too, so that a server that comes back is ramped twice; " +
		"remove it, or set limits.slow_start to 0"
)

// warnings say, for people, what HAProxy does to weights besides.
func (b *Backend) warnings(v *view) []string {
	var out, agents []string
	for i := range v.servers {
		if s := &v.servers[i]; s.agent && !b.following.agents[s.name] {
			agents = append(agents, s.name)
		}
	}
	if len(agents) > 0 {
		slices.Sort(agents)
		out = append(out, fmt.Sprintf("backend %s: %s%s", b.name, agentAdvice, strings.Join(agents, ", ")))
	}
	if v.ramps || b.proxy.inFile(b.name).slowStart {
		out = append(out, fmt.Sprintf("backend %s: %s", b.name, slowAdvice))
	}
	if err := b.proxy.old.trouble(); err != nil {
		out = append(out, fmt.Sprintf("connections that reloads have left to old workers are not counted: %v", err))
	}
	if text := b.proxy.unasked.warning(time.Now()); text != "" {
		out = append(out, text)
	}
	return out
}
