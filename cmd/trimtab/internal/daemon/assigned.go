package daemon

import (
	"cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/assign"
	"github.com/trimtab-lb/trimtab/scorer/assign/dns"
	"github.com/trimtab-lb/trimtab/scorer/assign/ratelimit"
	"github.com/trimtab-lb/trimtab/scorer/assign/redirect"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// follower is a target that has to know where backends are.
type follower interface {
	tuner.Target
	Name() string
	SetBackends([]scorer.Backend)
	Close()
}

// assigned are a pool's targets that tell clients where to go.
type assigned struct {
	redirects []*redirect.Target
	zones     []*dns.Target
}

// addRedirect adds a target that answers over HTTP.
func (p *pool) addRedirect(c *config.Redirect, server *redirect.Server, who *members) error {
	t, err := server.Target(p.config.Name, redirect.Options{
		URL: c.URL, Answer: redirect.Answer(c.Answer), Key: c.Key, Origins: c.Origins(), TrustedProxies: c.TrustedPrefixes(),
		RetryAfter: c.RetryAfter, Rate: rateOf(c.RateLimit), Placement: placementOf(c.Placement),
	})
	if err != nil {
		return err
	}
	p.assigned.redirects = append(p.assigned.redirects, t)
	p.addAssigned(t, who)
	return nil
}

// addZone adds a target that answers over DNS.
func (p *pool) addZone(c *config.DNS, server *dns.Server, who *members) error {
	o := dns.Options{
		Name: c.Name, TTL: c.TTL, Service: c.Service, NameServers: c.NameServerAddresses(),
		Rate: rateOf(c.RateLimit), Placement: placementOf(c.Placement),
	}
	o.Placement.Clients = c.Clients
	t, err := server.Target(p.config.Name, o)
	if err != nil {
		return err
	}
	p.assigned.zones = append(p.assigned.zones, t)
	p.addAssigned(t, who)
	return nil
}

func (p *pool) addAssigned(t follower, who *members) {
	p.closes = append(p.closes, t.Close)
	p.options.Targets = append(p.options.Targets, tuner.NamedTarget{Name: t.Name(), Target: t})
	p.follow(t.SetBackends, who)
}

// succeed lets them go on from those of a pool that has ended.
func (a *assigned) succeed(old *assigned) {
	for _, t := range a.redirects {
		for _, before := range old.redirects {
			t.Succeed(before)
		}
	}
	for _, t := range a.zones {
		for _, before := range old.zones {
			t.Succeed(before)
		}
	}
}

func (a *assigned) assignments() []web.Assignments {
	var out []web.Assignments
	for _, t := range a.redirects {
		out = append(out, web.Assignments{Target: t.Name(), Stats: web.AssignmentStats(t.Stats())})
	}
	for _, t := range a.zones {
		out = append(out, web.Assignments{Target: t.Name(), Stats: web.AssignmentStats(t.Stats())})
	}
	return out
}

// Assignments says how clients were told where to go.
func (f *Fleet) Assignments() []web.Assignments {
	var out []web.Assignments
	for _, p := range *f.pools.Load() {
		out = append(out, p.assigned.assignments()...)
	}
	return out
}

func rateOf(c config.RateLimit) ratelimit.Config {
	return ratelimit.Config{PerSecond: c.PerSecond, Burst: c.Burst, Exempt: c.ExemptPrefixes()}
}

func placementOf(c config.Placement) assign.Config {
	out := assign.Config{Fronts: c.Fronts, Bound: c.Bound, Full: cmp.Or(c.Full, -1)}
	if c.Balance == config.BalanceScore {
		out.Balance = assign.ByScore
	}
	return out
}
