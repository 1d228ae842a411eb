package scorer

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// rebalanceFor is how long an order to rebalance counts.
const rebalanceFor = 10 * time.Minute

// ErrNothingToMove is an order to rebalance requests.
var ErrNothingToMove = errors.New("the pool serves requests, which end by themselves: there is nothing to move")

// CanRebalance says whether an order to rebalance makes sense. It errs with
// [ErrNothingToMove]; while it is not known what the pool serves, it does not.
func (p *Pool) CanRebalance() error {
	if p.kind.kind == KindRequests && !p.holdsConnections() {
		return ErrNothingToMove
	}
	return nil
}

// rebalance is what has become of the order.
func (p *Pool) rebalance(now time.Time) RebalanceState {
	o := p.orders.Rebalance
	switch {
	case o == nil:
		return RebalanceNone
	case o.At.Equal(p.rebalanced):
		return RebalanceDone
	case p.CanRebalance() != nil:
		return RebalanceRefused
	case now.Sub(o.At) > rebalanceFor:
		return RebalanceExpired
	default:
		return RebalanceRunning
	}
}

// followOrder ends an order to rebalance that is carried out. What looks balanced
// while too little has been seen, or while a backend has a part of its weight only, is
// not yet.
func (p *Pool) followOrder(now time.Time, s *Shedding) {
	switch {
	case s.Rebalance == RebalanceExpired && p.shedding == nil:
		s.Why = p.unfinished // nothing is known of one from before a restart
	case s.Rebalance != RebalanceRunning:
		return
	case s.State == ShedBalanced && s.UnderWay == 0:
		slow, _ := p.startsSlowly(now)
		if now.Before(p.shedder.settled) {
			slow = cmp.Or(slow, justChanged)
		}
		if slow == "" {
			p.rebalanced, s.Rebalance = p.orders.Rebalance.At, RebalanceDone
			return
		}
		s.State, s.Why = ShedWaiting, slow
	}
	p.unfinished = s.Why
}

// startsSlowly says who does, and for how much longer; empty when nobody does.
func (p *Pool) startsSlowly(now time.Time) (why string, left time.Duration) {
	for _, m := range p.members {
		if !m.serving || p.slowStart(m, now) >= 1 {
			continue
		}
		if l := p.config.Limits.SlowStart - now.Sub(m.joined); l > left {
			left = l
			why = fmt.Sprintf("%s starts slowly: its part grows for another %v", m.Name, l.Round(time.Second))
		}
	}
	return why, left
}

// holdingsToCome are the holdings of the newest step with the parts of all connections
// that the backends will have when weights are where they are on their way to.
func (p *Pool) holdingsToCome() []holding {
	out := make([]float64, len(p.holdings))
	var wishes, count float64
	for i := range p.holdings {
		h := &p.holdings[i]
		m := p.byName[h.name]
		if m == nil || !m.serving || !(h.share > 0) && p.slowStart(m, p.last) >= 1 {
			continue
		}
		out[i] = m.wish()
		wishes += out[i]
		count++
	}
	limits := p.config.Limits
	settled := make([]bool, len(out))
	var placed, wished, sum float64
	for i := range out {
		if !(out[i] > 0) {
			continue
		}
		out[i] = min(max(out[i]*count/wishes, limits.Floor), limits.Ceiling)
		// Of who is where he should be, what is in force counts: not all data planes
		// have exactly that.
		if m := p.byName[p.holdings[i].name]; p.frozen() || m.weight >= (1-visible)*out[i] {
			settled[i] = true
			placed += p.holdings[i].share
			wished += out[i]
		}
	}
	for i := range out {
		if settled[i] && placed > 0 {
			out[i] = p.holdings[i].share * wished / placed
		}
		sum += out[i]
	}
	holdings := slices.Clone(p.holdings)
	for i := range holdings {
		if holdings[i].share = out[i]; sum > 0 {
			holdings[i].share /= sum
		}
	}
	return holdings
}
