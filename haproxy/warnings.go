package haproxy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Warnings says, for people, what keeps trimtab from tuning the backends that
// are watched now; nil when nothing does.
func (p *Proxy) Warnings() []string {
	var out []string
	if level := p.session.Level(); level != "" && level != levelAdmin {
		out = append(out, fmt.Sprintf("the socket has level %s: %v", level, ErrPermission))
	}
	for _, b := range p.watched() {
		if why := b.absent.Load(); why != nil {
			out = append(out, why.err.Error())
		}
		v := b.view.Load()
		if v == nil {
			continue
		}
		if v.algorithm == scorer.FixedWeights {
			out = append(out, fmt.Sprintf("backend %s: %v", b.name, ErrStaticAlgorithm))
		}
		var agents []string
		for i := range v.servers {
			if v.servers[i].agent {
				agents = append(agents, v.servers[i].name)
			}
		}
		if len(agents) > 0 {
			slices.Sort(agents)
			out = append(out, fmt.Sprintf("backend %s: %s %s", b.name, agentAdvice, strings.Join(agents, ", ")))
		}
	}
	return out
}

const agentAdvice = `an agent-check may overwrite weights ("disable agent BACKEND/SERVER" on the socket, or disable_agents, stops it):`
