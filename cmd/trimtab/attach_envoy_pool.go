package main

import (
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
	"github.com/trimtab-lb/trimtab/xds/admin"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

// envoyPool is one cluster of an Envoy that is looked at.
type envoyPool struct {
	name    string
	target  string
	version admin.Version
	node    resource.Node
	config  admin.ClusterConfig

	model   *scorer.Pool
	counter admin.Counter
	now     admin.Cluster
	took    time.Duration
	inForce scorer.InForce
	plan    scorer.Plan
	reports uint64
}

func newEnvoyPool(target string, version admin.Version, node resource.Node, config admin.ClusterConfig) (*envoyPool, error) {
	p := &envoyPool{name: poolName(config.Name), target: target, version: version, node: node, config: config}
	var err error
	if p.model, err = scorer.New(scorer.Config{Name: p.name, DryRun: true}); err != nil {
		return nil, err
	}
	return p, nil
}

// look takes in what Envoy has now.
func (p *envoyPool) look(now admin.Cluster, at time.Time, took time.Duration) error {
	p.now, p.took = now, took
	backends := make([]scorer.Backend, 0, len(now.Hosts))
	for _, h := range now.Hosts {
		backends = append(backends, scorer.Backend{Name: h.Address, Address: h.Address, Capacity: float64(h.Weight), Condition: h.Condition})
	}
	p.model.SetBackends(backends)
	for _, r := range p.counter.Reports(p.target, at, now.Hosts) {
		p.model.Observe(r)
		p.reports++
	}
	var err error
	if p.inForce, err = p.found(); err != nil {
		return err
	}
	p.model.Applied(p.target, p.inForce)
	return nil
}

func (p *envoyPool) step(at time.Time) { p.plan = p.model.Step(at) }

// found is what Envoy's weights come to, as if trimtab had sent them.
func (p *envoyPool) found() (scorer.InForce, error) {
	view, err := p.view()
	if err != nil {
		return scorer.InForce{}, err
	}
	weights := make(map[string]int, len(p.now.Hosts))
	for _, h := range p.now.Hosts {
		weights[h.Address] = int(h.Weight)
	}
	view.Adopt(weights)
	// A dry run holds what was adopted, and a static law's weights are never made
	// equal, which Envoy does not do either.
	held := scorer.Plan{Pool: p.name, Mode: scorer.DryRun, Law: scorer.LawStatic}
	served, err := view.Update(resource.Update{Plan: held, Kind: p.plan.Kind, Endpoints: p.endpoints()})
	if err != nil {
		return scorer.InForce{}, err
	}
	out := served.InForce
	out.Origin = p.target
	for i := range out.Shares {
		share := &out.Shares[i]
		share.Applied, share.Note = weights[share.Backend], ""
	}
	for _, h := range p.now.Hosts {
		if h.Condition == scorer.Up {
			continue
		}
		for i := range out.Shares {
			if out.Shares[i].Backend == h.Address {
				out.Shares[i].Weight = 0
			}
		}
	}
	return out, nil
}

func (p *envoyPool) view() (*resource.Envoy, error) {
	return resource.NewEnvoy(resource.EnvoyConfig{Pool: p.name, Service: p.name, Balancing: p.config.Balancing})
}

func (p *envoyPool) endpoints() []resource.Endpoint {
	out := make([]resource.Endpoint, 0, len(p.now.Hosts))
	for _, h := range p.now.Hosts {
		out = append(out, resource.Endpoint{Backend: h.Address, Address: h.Address, Capacity: float64(h.Weight)})
	}
	return out
}

// wanted is what would be sent for the newest plan.
func (p *envoyPool) wanted() (map[string]int, error) {
	view, err := p.view()
	if err != nil {
		return nil, err
	}
	plan := p.plan
	plan.Mode = scorer.Active
	served, err := view.Update(resource.Update{Plan: plan, Kind: plan.Kind, Endpoints: p.endpoints()})
	if err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, share := range served.InForce.Shares {
		if share.Applied > 0 {
			out[share.Backend] = share.Applied
		}
	}
	return out, nil
}

// membership warns where the hosts come and go without anybody touching a
// configuration: from then on it is trimtab's that lists them.
func (p *envoyPool) membership() []string {
	if p.config.Discovery != "STRICT_DNS" {
		return nil
	}
	return []string{"Envoy resolves this cluster's names again and again, and trimtab resolves none: " +
		"from the change below on, a host that comes or goes is one that you write into trimtab.yaml"}
}

// show is the pool for people and scripts.
func (p *envoyPool) show(counted admin.Stats, server string) (status.Pool, error) {
	send, err := p.wanted()
	if err != nil {
		return status.Pool{}, err
	}
	change, err := p.change(server)
	if err != nil {
		return status.Pool{}, err
	}
	inForce, plan := p.inForce, p.plan
	if len(inForce.Warnings) > 0 {
		plan.Advice = "" // the warning says the same in Envoy's words
	}
	inForce.Warnings = append(inForce.Warnings[:len(inForce.Warnings):len(inForce.Warnings)], admin.Warnings(admin.Seen{
		Version: p.version, Config: p.config, Cluster: p.now, Stats: counted, Kind: p.plan.Kind,
	})...)
	inForce.Warnings = append(inForce.Warnings, p.membership()...)
	shown := status.FromSnapshots("", []*tuner.Snapshot{{
		Plan: plan, Reports: p.reports,
		Targets: []tuner.TargetStatus{{Name: p.target, InSync: true, LastApply: p.took, AppliedSeq: p.plan.Seq, Applies: p.plan.Seq, InForce: inForce}},
	}}).Pools[0]
	shown.Envoy = &status.EnvoyCluster{
		Cluster: p.config.Name, Discovery: p.config.Discovery,
		Policy: string(p.config.Balancing.Policy), ActiveRequestBias: status.Number(math.NaN()),
		Send: send, PoolConfig: change.pool, EnvoyConfig: change.envoy,
	}
	if p.config.Balancing.Policy == resource.LeastRequest {
		shown.Envoy.ActiveRequestBias = status.Number(p.config.Balancing.ActiveRequestBias)
		if math.IsNaN(p.config.Balancing.ActiveRequestBias) {
			shown.Envoy.ActiveRequestBias = 1
		}
	}
	return shown, nil
}
