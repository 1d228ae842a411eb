package realrun

import (
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// drawn is what all clients do with one seed, which is the same for all policies
// and in the simulation as long as the same becomes of connections.
type drawn struct {
	seed  uint64
	trace load.Trace
	// messages and connections are how many there are when no connection is lost.
	messages, connections int
	// typical is the demand that lateness is compared with.
	typical time.Duration
}

func (o *Options) draw(seed uint64) (drawn, error) {
	d := drawn{seed: seed}
	arrivals, err := simulate.Arrivals(&o.Scenario, seed)
	if err != nil {
		return d, err
	}
	demands := make([]time.Duration, 0, len(arrivals))
	for _, a := range arrivals {
		d.trace.Arrivals = append(d.trace.Arrivals, load.Arrival{At: a.At, Demand: a.Work, Wait: a.Wait, To: a.Proxy})
		demands = append(demands, a.Work)
	}
	clients, err := simulate.Clients(&o.Scenario, seed)
	if err != nil {
		return d, err
	}
	for _, c := range clients {
		for _, ok := c.Next(); ok; _, ok = c.Next() {
			switch a := c.Act(); a.Kind {
			case simulate.ActConnect:
				d.connections++
				c.Opened()
			case simulate.ActSend:
				d.messages++
				demands = append(demands, a.Work)
			}
		}
	}
	d.typical = load.TypicalDemand(demands)
	return d, nil
}
