package realrun

import (
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
)

const (
	mostAtOnce = 4
	// maxRate is what all policies side by side may add up to, in requests per
	// second. Two cores carry about three times as much before the generator is
	// late.
	maxRate = 2000.0
	// messageCost and connectionCost are what a message, and a connection that comes
	// and goes, cost this process and the proxy together, in requests.
	messageCost, connectionCost = 0.9, 2.0

	// patience is how long proxies wait for an answer: longer than any that the
	// simulation, which waits for ever, is likely to see.
	patience = 5 * time.Minute
	// maxOpen bounds the requests of one policy that are open at once, so that
	// several fit into the files that a process may have open.
	maxOpen = 1500
	// filesPerOpen is what an open request or connection costs this process: its
	// client's end and its backend's.
	filesPerOpen = 2
	// spareConnections is what a proxy takes besides, and spareShare that share of
	// the connections once more: who comes back may be there before it has gone.
	spareConnections = 100
	spareShare       = 1.0 / 16
)

// hasRequests is that there is traffic that is not long-lived.
func hasRequests(s *simulate.Scenario) bool { return s.Load != nil || len(s.Requests) > 0 }

// connections is how many requests and connections one policy may have open.
func connections(s *simulate.Scenario) int {
	return openRequests(s) + withSpare(clients(s))
}

// perProxy is how many of them one of several proxies may have: connections choose
// theirs at random, requests are as many as they are.
func perProxy(s *simulate.Scenario) int {
	of := float64(clients(s))
	if s.Proxies > 1 {
		const deviations = 5
		mean := of / float64(s.Proxies)
		of = min(of, mean+deviations*math.Sqrt(mean))
	}
	return openRequests(s) + withSpare(int(of)) + spareConnections
}

func openRequests(s *simulate.Scenario) int {
	if hasRequests(s) {
		return maxOpen
	}
	return 0
}

func clients(s *simulate.Scenario) int {
	n := 0
	for i := range s.Sockets {
		n += s.Sockets[i].Clients
	}
	return n
}

func withSpare(n int) int { return n + int(spareShare*float64(n)) }

// together is how many policies run side by side.
func (o *Options) together(d drawn) (int, error) {
	if o.AtOnce > 0 {
		return o.AtOnce, nil
	}
	files, err := machine.Connections()
	if err != nil {
		return 0, err
	}
	cost := float64(len(d.trace.Arrivals)) + messageCost*float64(d.messages) + connectionCost*float64(d.connections)
	rate := cost / o.Scenario.Duration.Seconds()
	fit := files / max(filesPerOpen*connections(&o.Scenario), 1)
	return max(1, min(mostAtOnce, int(maxRate/max(rate, 1)), fit)), nil
}
