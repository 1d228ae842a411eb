package agentcheck

import (
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Drain is how a backend is told to take no new work.
type Drain string

const (
	// DrainByWeight says "0%": no new work, as with "drain", but nothing that
	// outlasts the next answer. Drains and maintenance that an operator begins
	// on HAProxy stay the operator's.
	DrainByWeight Drain = "weight"
	// DrainByState says "drain", which HAProxy shows as DRAIN (agent), and after
	// it "ready", for a while and only to proxies that were told to drain. Such a
	// "ready" ends an operator's drain or maintenance, too. If trimtab is
	// restarted while it drains and finds the drain over, HAProxy's state has to
	// be set by hand. A statistics page of that HAProxy must be read with
	// [github.com/trimtab-lb/trimtab/haproxy.StatsPageConfig.AgentDrains], or a
	// drain would be the reason for itself.
	DrainByState Drain = "state"
)

const defaultStale = 10 * time.Second

// Statistics is what a HAProxy that asks shows of itself, such as
// haproxy.StatsPage. Of several that ask, one speaks for all.
type Statistics interface {
	// Name is the Report.Origin of its reports.
	Name() string
	Algorithm() scorer.Algorithm
	// Weights are those in force by backend, nil while they are not known.
	Weights() map[string]int
}

// TargetOptions describe a pool's HAProxies. The zero value of every field means
// its default.
type TargetOptions struct {
	// InitialWeight is the weight that HAProxy's server lines give the pool's
	// backends, 1 to 256, and InitialWeights those that differ. The default is 1,
	// which is what HAProxy takes without "weight"; 100 is what to configure, on
	// both sides.
	//
	// Too low a number here does nothing worse than making weights equal, as
	// HAProxy stops at 256. Too high a number stops backends: 75 % of 1 is 0.
	InitialWeight  int
	InitialWeights map[string]int
	// StaleAfter is the age at which a plan is no longer answered from. Default
	// 10 s, some ticks: until then a HAProxy that was restarted gets its weights
	// back, after it nothing changes any more.
	StaleAfter time.Duration
	// Drain defaults to DrainByWeight.
	Drain Drain
	// Algorithm is what the HAProxies balance with; Statistics, if they know it,
	// know it better.
	Algorithm scorer.Algorithm
	// Statistics, if not nil, tell what is really in force. Without them it is
	// taken to be what was told.
	Statistics Statistics
}

func (o TargetOptions) withDefaults() (TargetOptions, error) {
	if o.InitialWeight == 0 {
		o.InitialWeight = 1
	}
	if o.InitialWeight < 1 || o.InitialWeight > maxWeight {
		return o, fmt.Errorf("initial weight %d: need 1 to %d", o.InitialWeight, maxWeight)
	}
	for backend, w := range o.InitialWeights {
		if w < 1 || w > maxWeight {
			return o, fmt.Errorf("initial weight %d of backend %s: need 1 to %d", w, backend, maxWeight)
		}
	}
	switch o.Drain {
	case "":
		o.Drain = DrainByWeight
	case DrainByWeight, DrainByState:
	default:
		return o, fmt.Errorf("drain %q: expected %q or %q", o.Drain, DrainByWeight, DrainByState)
	}
	if o.StaleAfter <= 0 {
		o.StaleAfter = defaultStale
	}
	return o, nil
}

// initial is a backend's initial weight.
func (o *TargetOptions) initial(backend string) int {
	if w, ok := o.InitialWeights[backend]; ok {
		return w
	}
	return o.InitialWeight
}
