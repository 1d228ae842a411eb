package assign

import (
	"net/netip"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// host is one backend and what was assigned to it.
type host struct {
	name, address string
	at            netip.AddrPort // not valid where the address is a name
	hash          uint64
	assigned      uint64
	recent        recent
	// pending is what was assigned since the report that the rest is from, which was
	// made at reported.
	pending  float64
	reported time.Time
	// excess is the mean of what view says, NaN while nothing is known, and learned
	// the report that it ends with.
	excess  float64
	learned time.Time

	// weight is 0 for a backend that gets no clients.
	weight, capacity             float64
	score, inFlight, utilization float64
}

// family is what its address is of, AnyFamily where that is a name.
func (h *host) family() Family {
	switch a := h.at.Addr(); {
	case a.Is4():
		return IPv4
	case a.Is6():
		return IPv6
	default:
		return AnyFamily
	}
}

// reportedAt is when what is known of a backend was true, zero when nothing is.
func reportedAt(d *scorer.Decision, now time.Time) time.Time {
	if d.ReportAge < 0 {
		return time.Time{}
	}
	return now.Add(-d.ReportAge)
}

// follow takes a plan's word on the backend.
func (h *host) follow(member scorer.Backend, d *scorer.Decision, mode scorer.Mode) {
	if h.address != member.Address {
		h.address = member.Address
		at, _ := netip.ParseAddrPort(member.Address)
		h.at = netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
	}
	h.score, h.inFlight, h.utilization = d.Score, d.InFlight, d.Utilization
	h.weight, h.capacity = 0, member.Capacity
	if !(h.capacity > 0) {
		h.capacity = 1
	}
	switch {
	case member.Address == "" || d.Drained || d.State == scorer.StateDraining || d.State == scorer.StateDown:
	case mode == scorer.DryRun:
		h.weight = h.capacity
	case d.State != scorer.StateEjected: // its pulses are for proxies that send the request elsewhere
		h.weight = d.Weight
	}
}
