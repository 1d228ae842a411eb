package advice

import (
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/commandline"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/scorer"
)

// apply is how to get from what is in force to a candidate.
func (p *pool) apply(g group, to candidate) []string {
	out := []string{}
	now := p.inForce(g)
	if now.choice().Algorithm != to.choice().Algorithm {
		out = append(out, g.applyAlgorithm(p.doc.Pool, to.proxy)...)
	}
	if now.weights != to.weights {
		out = append(out, p.applyWeights(to.weights)...)
	}
	if len(out) == 0 {
		out = append(out, "nothing but to wait: trimtab gives these weights as soon as it has learned them")
	}
	return out
}

func (p *pool) applyWeights(w weighting) []string {
	switch w {
	case asNow, asConfigured:
		return []string{"in trimtab's configuration, for the pool: law: static"}
	case equal:
		return []string{"in trimtab's configuration, for the pool: law: static, and the same capacity for all backends"}
	}
	var out []string
	orders := p.doc.Orders
	if orders.Frozen != nil {
		out = append(out, "trimtab unfreeze "+commandline.Quoted(p.doc.Pool))
	}
	if orders.DryRun != nil && orders.DryRun.On {
		out = append(out, "trimtab dry-run "+commandline.Quoted(p.doc.Pool)+" off")
	}
	if !p.doc.Apply && orders.DryRun == nil {
		out = append(out, "in trimtab's configuration, for the pool: apply: true")
	}
	if p.doc.LawConfigured == scorer.LawStatic || p.foreign() {
		out = append(out, "in trimtab's configuration, for the pool: law: auto")
	}
	return out
}

// applyAlgorithm is how the targets are told to balance otherwise.
func (g *group) applyAlgorithm(pool string, to scenario.Proxy) []string {
	switch g.plane {
	case observation.PlaneHAProxy:
		return []string{commandline.Policy(g.first.ConfigFile, g.first.MasterSocket, g.first.Backend, string(to.Balance))}
	case observation.PlaneAgentCheck:
		return []string{
			"on each HAProxy: " + commandline.Policy("", "", pool, string(to.Balance)),
			fmt.Sprintf("in trimtab's configuration, for the agent_check target: algorithm: %s", to.Balance),
		}
	case observation.PlaneEnvoy:
		return g.applyEnvoy(pool, to)
	default:
		return nil
	}
}

func (g *group) applyEnvoy(pool string, to scenario.Proxy) []string {
	key := fmt.Sprintf("policy: %s", to.Balance)
	if to.Bias != nil {
		key += fmt.Sprintf(", bias: %g", *to.Bias)
	}
	out := []string{"in trimtab's configuration, for the envoy target of cluster " + g.first.Cluster + ": " + key}
	if g.first.Served {
		return out // Envoy has it from there
	}
	out = append(out, fmt.Sprintf("where Envoy's own configuration has the cluster, there as well: trimtab envoy cluster --pool %s --config trimtab.yaml", commandline.Quoted(pool)))
	const typed = "load_balancing_policy: {policies: [{typed_extension_config: {name: envoy.load_balancing_policies.least_request, " +
		"typed_config: {\"@type\": type.googleapis.com/envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest, %s}}}]}"
	switch {
	case to.FullScan:
		out = append(out, "with "+fmt.Sprintf(typed, "selection_method: FULL_SCAN"))
	case to.ChoiceCount > 2:
		out = append(out, "with "+fmt.Sprintf(typed, fmt.Sprintf("choice_count: %d", to.ChoiceCount)))
	}
	return out
}
