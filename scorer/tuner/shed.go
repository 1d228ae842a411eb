package tuner

import (
	"context"
	"fmt"
	"maps"

	"github.com/trimtab-lb/trimtab/scorer"
)

// EstimateShed returns what an order to rebalance would do now. Errors are
// [ErrRefused], when the tuner has ended, and the context's.
func (t *Tuner) EstimateShed(ctx context.Context) (scorer.ShedEstimate, error) {
	return ask(ctx, t, t.estimates, "estimate of shedding")
}

// followShedding tells what begins and ends of moving connections.
func (o *owner) followShedding(plan *scorer.Plan) {
	s := &plan.Shedding
	switch {
	case s.State == scorer.ShedActive && !o.moving:
		o.moving = true
		o.log.Info("connections are asked to reconnect", "why", s.Why)
		o.event(Event{Kind: EventShed, Text: "connections are asked to reconnect: " + s.Why})
	case (s.State == scorer.ShedBalanced || s.State == scorer.ShedOff) && o.moving:
		o.moving = false
		o.log.Info("no more connections are asked to reconnect", "why", s.Why)
		o.event(Event{Kind: EventShed, Text: "no more connections are asked to reconnect: " + s.Why})
	}
	var text string
	switch s.Rebalance {
	case scorer.RebalanceDone:
		text = "rebalanced"
	case scorer.RebalanceExpired:
		text = "the time for an order to rebalance is over"
		if s.Why != "" {
			text += ": " + s.Why
		}
	case scorer.RebalanceRefused:
		text = "an order to rebalance is not carried out: " + scorer.ErrNothingToMove.Error()
	default:
		return
	}
	orders := o.now.Orders.Clone()
	if orders.Rebalance == nil {
		return
	}
	who := orders.Rebalance.Who
	orders.Rebalance = nil
	o.order(orders)
	o.log.Info(text, "who", who)
	o.event(Event{Kind: EventShed, Who: who, Text: text})
}

// followDrain tells when a backend that is drained is empty, once: requests that stick
// to it may still come and go.
func (o *owner) followDrain(before, d *scorer.Decision) {
	if d.Drain == nil || !d.Drain.Done || before.Drain != nil && before.Drain.Done {
		return
	}
	o.nothingLeft(d.Backend)
	if at, told := o.drained[d.Backend]; told && at.Equal(d.Drain.Began) {
		return
	}
	o.drained[d.Backend] = d.Drain.Began
	text := "drained: it holds nothing any more"
	if d.Drain.First > 0 {
		text = fmt.Sprintf("drained: all %d connections that it had have left", d.Drain.First)
	}
	o.log.Info("drained", "backend", d.Backend, "first", d.Drain.First)
	o.event(Event{Kind: EventDrain, Backend: d.Backend, Text: text})
}

// nothingLeft forgets why connections of a backend could not be closed: they have left.
func (o *owner) nothingLeft(backend string) {
	status := o.now.Shed[backend]
	if status.LastError == "" {
		return
	}
	status.LastError = ""
	now := maps.Clone(o.now.Shed) // snapshots share the old one
	now[backend] = status
	o.now.Shed = now
}
