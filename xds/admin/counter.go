package admin

import (
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Counter makes load reports of what hosts have counted between two looks at one
// cluster. The zero Counter has not looked yet. One goroutine owns it.
type Counter struct {
	at   time.Time
	last map[string]Host
}

// Reports returns what the hosts have at a time that is later than the last.
// Backends are named by their addresses. A host that was not there at the last look,
// or has been counted anew since, has its open requests alone.
func (c *Counter) Reports(origin string, at time.Time, hosts []Host) []scorer.Report {
	out := make([]scorer.Report, 0, len(hosts))
	next := make(map[string]Host, len(hosts))
	for i := range hosts {
		h := &hosts[i]
		r := scorer.NewReport(h.Address, origin, at)
		r.ByProxy, r.InFlight = true, float64(h.Active)
		if before, known := c.last[h.Address]; known && h.continues(&before) {
			h.rates(&r, &before, at.Sub(c.at))
		}
		next[h.Address] = *h
		out = append(out, r)
	}
	c.at, c.last = at, next
	return out
}

// continues says whether nothing was counted from 0 again.
func (h *Host) continues(before *Host) bool {
	return h.Begun >= before.Begun && h.Succeeded >= before.Succeeded && h.Failed >= before.Failed
}

// rates are over the time since before. A TCP proxy calls nothing a success or a
// failure: there, what is over is what is no longer open, and all of it is opaque.
func (h *Host) rates(r *scorer.Report, before *Host, since time.Duration) {
	seconds := since.Seconds()
	if seconds <= 0 {
		return
	}
	r.Interval = since
	if h.Begun > 0 && h.Succeeded+h.Failed == 0 {
		over := float64(h.Begun-before.Begun) + float64(before.Active) - float64(h.Active)
		r.RPS, r.EPS = max(over, 0)/seconds, 0
		r.Upgrades = r.RPS
		return
	}
	r.EPS = float64(h.Failed-before.Failed) / seconds
	r.RPS = float64(h.Succeeded-before.Succeeded)/seconds + r.EPS
}
