package scorer

import (
	"maps"
	"time"
)

// Orders are what operators have ordered for a pool. They win over the law and
// over every guard: a person may know what no report says.
type Orders struct {
	// Frozen, when set, keeps every weight and state as it is. What is learned
	// goes on, so that nothing jumps afterwards.
	Frozen *Order `json:"frozen,omitempty"`
	// DryRun, when set, says whether plans are carried out, whatever the
	// configuration says.
	DryRun *Switch `json:"dry_run,omitempty"`
	// Pins are weights that do not move, by backend.
	Pins map[string]Pin `json:"pins,omitempty"`
	// Drains are backends that get no new work.
	Drains map[string]Drain `json:"drains,omitempty"`
	// Rebalance, when set, asks connections to reconnect once until all backends are
	// near their goals, also where nothing is configured of it. It ends by itself
	// ([Shedding].Rebalance) and counts for no longer than ten minutes from At.
	Rebalance *Order `json:"rebalance,omitempty"`
}

// Order is who ordered something, why, and when.
type Order struct {
	Who string    `json:"who"`
	Why string    `json:"why,omitempty"`
	At  time.Time `json:"at"`
}

// Switch is an order to switch something on or off.
type Switch struct {
	Order
	On bool `json:"on"`
}

// Pin is an order to give a backend one weight, also while it fails.
type Pin struct {
	Order
	// Weight is in plan units, 1 being the mean; above 0.
	Weight float64 `json:"weight"`
}

// String reads "by alice: canary".
func (o Order) String() string {
	who := o.Who
	if who == "" {
		who = "an operator"
	}
	if o.Why == "" {
		return "by " + who
	}
	return "by " + who + ": " + o.Why
}

// Clone returns a copy that shares nothing with o.
func (o Orders) Clone() Orders {
	if o.Frozen != nil {
		frozen := *o.Frozen
		o.Frozen = &frozen
	}
	if o.DryRun != nil {
		dry := *o.DryRun
		o.DryRun = &dry
	}
	if o.Rebalance != nil {
		rebalance := *o.Rebalance
		o.Rebalance = &rebalance
	}
	o.Pins, o.Drains = maps.Clone(o.Pins), maps.Clone(o.Drains)
	return o
}

// SetOrders puts orders in force from the next step on. Those for backends that
// are not in the pool wait for them. The pool keeps o, which is not to be changed
// after that.
func (p *Pool) SetOrders(o Orders) {
	p.orders = o
	for _, m := range p.members {
		m.obey(&p.orders)
	}
}

// Drain is an order to give a backend no new work.
type Drain struct {
	Order
	// Over, when positive, is the time from At within which its connections are
	// asked to reconnect, evenly. Otherwise they leave in their own time.
	Over time.Duration `json:"over,omitempty"`
	// Forced is that it is meant although others cannot take all of it.
	Forced bool `json:"forced,omitempty"`
}

// obey takes what the orders say of a member.
func (m *member) obey(o *Orders) {
	m.Condition = m.found
	m.pin = 0
	if pin, ok := o.Pins[m.Name]; ok {
		m.pin = pin.Weight
		m.ejection = nil
	}
	if _, m.drained = o.Drains[m.Name]; m.drained && m.Condition == Up {
		m.Condition = Draining
	}
}

func (p *Pool) frozen() bool { return p.orders.Frozen != nil }

func (p *Pool) mode() Mode {
	dry := p.config.DryRun
	if p.orders.DryRun != nil {
		dry = p.orders.DryRun.On
	}
	switch {
	case dry:
		return DryRun
	case p.frozen():
		return Frozen
	default:
		return Active
	}
}

// keep is what a frozen pool does instead of moving weights: everybody has what
// he had, and who had nothing his share by what is known.
func (p *Pool) keep() {
	for _, m := range p.members {
		if m.serving && m.pin > 0 {
			m.weight = m.pin
		}
		if m.serving && m.weight == 0 {
			m.weight = min(max(m.capacity*m.factor, p.config.Limits.Floor), p.config.Limits.Ceiling)
		}
	}
}
