package config

import (
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// defaulter is a value that has defaults of its own; the decoder calls it
// before it looks at the file.
type defaulter interface{ setDefaults() }

func (a *Admin) setDefaults() { a.Listen = "127.0.0.1:9902" }

func (p *Pool) setDefaults() {
	p.Kind = scorer.KindAuto
	p.Law = scorer.LawAuto
	p.Apply = true
	p.OnExit = OnExitKeep
	p.Probe.Path = "/"
}

func (b *Backend) setDefaults() { b.Capacity = 1 }

func (s *Score) setDefaults() { s.Window = scorer.DefaultScore().Window }

func (l *Limits) setDefaults() {
	d := scorer.DefaultLimits()
	*l = Limits{
		Floor: d.Floor, Ceiling: d.Ceiling, Step: d.Step, Deadband: d.Deadband,
		StaleAfter: d.StaleAfter, SlowStart: d.SlowStart, MaxEjected: d.MaxEjected,
	}
}

func (p *Poll) setDefaults() { p.Period = time.Second }

func (o *ORCALoad) setDefaults() { o.Period = time.Second }

func (d *Lookup) setDefaults() { d.Period = 30 * time.Second }

func (f *File) setDefaults() { f.Period = 30 * time.Second }

func (x *XDS) setDefaults() {
	x.ReportPeriod = 200 * time.Millisecond
	x.MaxStreams = 10_000
}

func (e *Envoy) setDefaults() {
	e.Policy = EnvoyLeastRequest
	e.Bias = 1
}

func (l *EnvoyListener) setDefaults() { l.Protocol = ProtocolHTTP }

func (h *EnvoyHealthCheck) setDefaults() { h.Interval = time.Second }

func (h *HAProxy) setDefaults() {
	h.ExternalChanges = ExternalRespect
	h.Poll = 200 * time.Millisecond
}

func (a *AgentCheck) setDefaults() {
	a.Drain, a.Algorithm = "weight", "leastconn"
}

// complete fills the defaults that follow from other values.
func (c *Config) complete() {
	for i := range c.Pools {
		c.Pools[i].complete()
	}
}

func (p *Pool) complete() {
	if len(p.Score.Coefficients) == 0 {
		p.Score.Coefficients = scorer.DefaultScore().Coefficients
	}
	for _, l := range p.Load {
		if poll := l.poll(); poll != nil && poll.Timeout == 0 {
			poll.Timeout = poll.Period / 2
		}
		if l.Push != nil && l.Push.TTL == 0 {
			l.Push.TTL = p.Limits.StaleAfter
		}
	}
	if p.Shed != nil && p.Shed.Hook != nil && p.Shed.Hook.URL == "" && p.Shed.Hook.Path == "" {
		p.Shed.Hook.Path = defaultShedPath
	}
	if f := p.From; f != nil && f.DNS != nil && f.DNS.Type == "" {
		f.DNS.Type = typeOf(f.DNS.Name)
	}
	if !slices.ContainsFunc(p.Load, func(l LoadSource) bool { return l.Proxy != nil }) {
		p.Load = append(p.Load, LoadSource{Proxy: &ProxyLoad{}})
	}
	for _, t := range p.Targets {
		if t.HAProxy != nil && t.HAProxy.Backend == "" {
			t.HAProxy.Backend = p.Name
		}
		if t.AgentCheck != nil && t.AgentCheck.Pool == "" {
			t.AgentCheck.Pool = p.Name
		}
		if t.Envoy != nil && t.Envoy.Cluster == "" {
			t.Envoy.Cluster = p.Name
		}
		if t.GRPC != nil && t.GRPC.Service == "" {
			t.GRPC.Service = p.Name
		}
	}
	for _, l := range p.Load {
		if l.Proxy != nil && l.Proxy.StatsPage != "" && l.Proxy.Backend == "" {
			l.Proxy.Backend = p.Name
		}
	}
}

// poll is the part that is polled over HTTP, nil when there is none.
func (l LoadSource) poll() *Poll {
	switch {
	case l.HTTP != nil:
		return &l.HTTP.Poll
	case l.Prometheus != nil:
		return &l.Prometheus.Poll
	default:
		return nil
	}
}
