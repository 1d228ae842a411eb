package daemon

import (
	"context"
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Observe returns what was seen of a pool. Errors are [ErrNoPool] and those of
// [tuner.Tuner.Learned]. It is safe for concurrent use.
func (f *Fleet) Observe(ctx context.Context, name string) (observation.Document, error) {
	p, err := f.pool(name)
	if err != nil {
		return observation.Document{}, err
	}
	learned, err := p.tuner.Learned(ctx)
	if err != nil {
		return observation.Document{}, fmt.Errorf("pool %s: %w", name, err)
	}
	return p.watch.Document(configured(&p.config), p.snapshot(), learned), nil
}

// watchStep is the tuner's [tuner.Options.OnStep].
func (p *pool) watchStep(s *tuner.Snapshot) {
	p.watch.Take(&s.Plan)
	p.scale.take(&s.Plan)
}

func configured(c *config.Pool) observation.Configured {
	out := observation.Configured{Law: c.Law, Trust: c.Trust, Apply: c.Apply}
	for _, t := range c.Targets {
		out.Targets = append(out.Targets, planeOf(t))
	}
	return out
}

func planeOf(t config.Target) observation.Target {
	none := status.Unknown()
	switch {
	case t.HAProxy != nil:
		return observation.Target{
			Plane: observation.PlaneHAProxy, Backend: t.HAProxy.Backend,
			ConfigFile: t.HAProxy.ConfigFile, MasterSocket: t.HAProxy.MasterSocket, Bias: none,
		}
	case t.AgentCheck != nil:
		return observation.Target{Plane: observation.PlaneAgentCheck, Bias: none}
	case t.Envoy != nil:
		return observation.Target{
			Plane: observation.PlaneEnvoy, Cluster: t.Envoy.Cluster,
			Bias: status.Number(t.Envoy.Bias), Served: t.Envoy.Listener != nil,
		}
	case t.Redirect != nil:
		return observation.Target{Plane: observation.PlaneRedirect, Bias: none}
	case t.DNS != nil:
		return observation.Target{Plane: observation.PlaneDNS, Bias: none}
	default:
		return observation.Target{Plane: observation.PlaneGRPC, Bias: none}
	}
}
