package daemon

import (
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
	"github.com/trimtab-lb/trimtab/xds"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// addServed adds a target that takes its weights from the xDS server.
func (p *pool) addServed(t config.Target, server *xds.Server, who *members) (err error) {
	var target *xds.Target
	if t.Envoy != nil {
		target, err = server.EnvoyTarget(p.config.Name, envoyOptions(p.config, t.Envoy))
	} else {
		target, err = server.GRPCTarget(p.config.Name, t.GRPC.Service)
	}
	if err != nil {
		return err
	}
	p.served = append(p.served, target)
	p.options.Targets = append(p.options.Targets, tuner.NamedTarget{Name: target.Name(), Target: target})
	p.follow(target.SetBackends, who)
	return nil
}

// follow tells a target who is in the pool, even while no proxy says so.
func (p *pool) follow(set func([]scorer.Backend), who *members) {
	who.followers = append(who.followers, set)
	who.addressed = !slices.ContainsFunc(p.config.Backends, func(b config.Backend) bool { return b.Address == "" })
}

// succeed lets targets go on from those of a pool that has ended.
func (p *pool) succeed(old *pool) {
	if p.tuner != nil {
		return // it runs: a pool that did not change
	}
	for _, t := range p.served {
		for _, before := range old.served {
			t.Succeed(before)
		}
	}
	p.assigned.succeed(&old.assigned)
}

// remember keeps what the pool and its targets know.
func (p *pool) remember(m scorer.Memory) {
	var served map[string]xds.Memory
	for _, t := range p.served {
		if memory, ok := t.Memory(); ok {
			if served == nil {
				served = map[string]xds.Memory{}
			}
			served[t.Name()] = memory
		}
	}
	p.keeper.remember(m, served)
}

// recall lets targets go on from what an earlier trimtab has served.
func (p *pool) recall(served map[string]xds.Memory) {
	for _, t := range p.served {
		if memory, ok := served[t.Name()]; ok {
			t.Recall(memory)
		}
	}
}

func envoyOptions(c config.Pool, e *config.Envoy) xds.EnvoyOptions {
	policy := resource.LeastRequest
	if e.Policy == config.EnvoyRoundRobin {
		policy = resource.RoundRobin
	}
	out := xds.EnvoyOptions{
		Cluster:   resource.ClusterConfig{Name: e.Cluster, Kind: c.Kind, Policy: policy, ReportMetrics: c.Forwarded()},
		Balancing: resource.Balancing{Policy: policy, ActiveRequestBias: e.Bias},
	}
	if e.Bias != 1 {
		out.Cluster.ActiveRequestBias = &e.Bias
	}
	if h := e.HealthCheck; h != nil {
		out.Cluster.HealthCheck = &resource.HealthCheck{Interval: h.Interval}
		out.Cluster.CloseOnFailure = h.CloseConnections
	}
	if l := e.Listener; l != nil {
		out.Listener = &resource.ListenerConfig{Name: e.Cluster, Address: l.Address, Cluster: e.Cluster, TCP: l.Protocol == config.ProtocolTCP}
	}
	return out
}
