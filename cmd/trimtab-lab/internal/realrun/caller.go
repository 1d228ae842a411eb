package realrun

import (
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

// caller is a client of the simulation that calls real proxies.
type caller struct{ *simulate.Client }

// Act implements [load.Client].
func (c caller) Act() load.Act {
	a := c.Client.Act()
	out := load.Act{At: a.At, To: a.Proxy, Demand: a.Work, Wait: a.Wait}
	switch a.Kind {
	case simulate.ActConnect:
		out.Kind = load.Connect
	case simulate.ActSend:
		out.Kind = load.Send
	case simulate.ActLeave:
		out.Kind = load.Leave
	}
	return out
}

// Connection implements [load.Client].
func (c caller) Connection(open bool, at time.Duration) {
	if open {
		c.Opened()
	} else {
		c.Closed(at)
	}
}
