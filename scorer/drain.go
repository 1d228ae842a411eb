package scorer

import (
	"math"
	"time"
)

// drain is what a pool knows of one backend's drain beyond the order.
type drain struct {
	// ordered tells an order from a later one.
	ordered time.Time
	// first is the most connections that there were since it began, NaN while that is
	// not known.
	first float64
	// empty is since which view there have been none, zero while there are any.
	empty time.Time
}

// drainQuiet is for how long views have to show a backend empty. A proxy may open one
// more until it has the order, the view may be older than that, and right after a start
// not every proxy has told what it has open: whoever is told that a backend is drained
// stops it.
const drainQuiet = 3 * time.Second

// DrainProgress is how far a drain is.
type DrainProgress struct {
	// Began is when it was ordered; Until is when its connections will have been asked
	// to leave, zero where they leave in their own time.
	Began, Until time.Time
	// First is how many connections there were at the beginning and Left how many there
	// are now; -1 is not known.
	First, Left int
	// Done is that the backend is empty, and has been for some seconds.
	Done bool
	// Held is why nobody is asked to leave although it is time; empty when they are.
	Held string
}

// drainBurst bounds how many are asked at once, as a multiple of the even rate: what
// was missed, while trimtab was away or the others were full, is not caught up on in a
// moment.
const drainBurst = 2

// drains asks the connections of backends that are drained over some time to leave,
// evenly.
func (p *Pool) drains(now time.Time, seconds float64, plan *Plan) {
	for i, m := range p.members {
		order, drained := p.orders.Drains[m.Name]
		if !drained {
			m.drain = nil
			continue
		}
		if m.drain == nil || !m.drain.ordered.Equal(order.At) {
			m.drain = &drain{ordered: order.At, first: math.NaN()}
			if r := p.memory[m.Name].Drain; r != nil && r.Ordered.Equal(order.At) {
				m.drain.first = float64(r.First)
			}
		}
		progress, shed := p.drainStep(now, seconds, m, &order)
		d := &plan.Decisions[i]
		d.Drain, d.Shed = progress, shed
	}
}

func (p *Pool) drainStep(now time.Time, seconds float64, m *member, order *Drain) (*DrainProgress, Shed) {
	out := &DrainProgress{Began: order.At, First: -1, Left: -1}
	if order.Over > 0 {
		out.Until = order.At.Add(order.Over)
	}
	held := m.now.held
	if math.IsNaN(held) {
		out.Held = "it is not known how many connections it has"
		return out, Shed{}
	}
	// The first views may show a part only, and some come until the order is in force.
	if !(m.drain.first >= held) {
		m.drain.first = held
	}
	out.First, out.Left = int(m.drain.first), int(held)
	if held == 0 {
		out.Done, out.Held = m.drain.stays(m.now.seen, p.reloads(now))
		return out, Shed{}
	}
	m.drain.empty = time.Time{}
	switch {
	case order.Over <= 0:
		return out, Shed{}
	case p.holdsConnections(): // so that the controller has looked in this step
	case p.kind.kind == KindAuto:
		out.Held = notKnown
		return out, Shed{Why: out.Held}
	default: // requests end soon enough
		return out, Shed{}
	}
	if out.Held = p.holdDrain(order); out.Held != "" {
		return out, Shed{Why: out.Held}
	}
	closings := &p.shedder.states[m.Name].closings
	left := held - closings.unseen(now, m.now.seen)
	count := paceDrain(left, m.drain.first, order.Over.Seconds(), out.Until.Sub(now).Seconds(), seconds)
	if p.mode() == Active {
		closings.askDrained(p.seq, now, seconds, count)
	}
	return out, Shed{Count: count, Why: "drained " + order.Order.String(), Parts: p.parts(m, count)}
}

// stays says whether views up to that of seen have shown nothing for long enough, and
// why that is not known.
func (d *drain) stays(seen time.Time, reloads bool) (done bool, held string) {
	if reloads {
		d.empty = time.Time{}
		return false, reloading
	}
	if d.empty.IsZero() {
		d.empty = seen
	}
	return seen.Sub(d.empty) >= drainQuiet, ""
}

// paceDrain is how many of those left are asked to leave in the next seconds, of those
// that were there first, with so much time left of all the time that there was.
func paceDrain(left, first, over, remaining, seconds float64) int {
	if !(left > 0) || !(seconds > 0) {
		return 0
	}
	steps := max(math.Floor(remaining/seconds+1e-6), 1)
	most := max(math.Floor(drainBurst*first*seconds/over), 1)
	return int(min(math.Ceil(left/steps-1e-9), most, math.Ceil(left)))
}

// holdDrain says why nobody may be asked to leave now.
func (p *Pool) holdDrain(order *Drain) string {
	if p.frozen() {
		return "frozen " + p.orders.Frozen.String()
	}
	if order.Forced {
		return ""
	}
	if err := p.canHold(nil); err != nil {
		return err.Error()
	}
	return ""
}
