package daemon

import (
	"context"
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/commandline"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/scorer"
)

// policed is a backend that should balance with a certain algorithm. HAProxy cannot
// change that while it runs: what trimtab can do is say so, and how.
type policed struct {
	*haproxy.Backend
	config *config.HAProxy
}

// Apply implements tuner.Target.
func (p policed) Apply(ctx context.Context, plan scorer.Plan) (scorer.InForce, error) {
	out, err := p.Backend.Apply(ctx, plan)
	if out.Algorithm != scorer.AlgorithmUnknown && out.Algorithm != config.Algorithm(p.config.Policy) {
		out.Warnings = append(out.Warnings, fmt.Sprintf("backend %s balances by %s and policy asks for %s: %s",
			p.config.Backend, out.Algorithm, p.config.Policy,
			commandline.Policy(p.config.ConfigFile, p.config.MasterSocket, p.config.Backend, p.config.Policy)))
	}
	return out, err
}
