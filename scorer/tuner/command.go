package tuner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Verb is what a command does.
type Verb string

// The verbs. Pin and Unpin are about one backend, Drain and Undrain about one or
// several.
const (
	Pin      Verb = "pin"
	Unpin    Verb = "unpin"
	Freeze   Verb = "freeze"
	Unfreeze Verb = "unfreeze"
	SetDry   Verb = "dry-run"
	Drain    Verb = "drain"
	Undrain  Verb = "undrain"
	// Rebalance asks connections to reconnect until all backends are near their goals.
	Rebalance Verb = "rebalance"
)

// Command is something that an operator wants of a pool.
type Command struct {
	Verb    Verb
	Backend string
	// Backends are several in place of one: all of them, or none.
	Backends []string
	// Over, for Drain, is the time within which the backends' connections are asked
	// to reconnect, evenly; 0 leaves them to go in their own time.
	Over time.Duration
	// Weight is for Pin, in plan units: above 0, 1 is the mean.
	Weight float64
	// On is for SetDry.
	On bool
	// Force drains the last backend, too, and those whose work the others cannot hold.
	Force bool
	// Order is who wants it, why and since when.
	Order scorer.Order
}

// MaxPin is the largest weight that can be ordered: more is a mistake.
const MaxPin = 1000

// MaxDrain is the longest time that a drain can be spread over.
const MaxDrain = 7 * 24 * time.Hour

var (
	// ErrInvalid is a command that means nothing.
	ErrInvalid = errors.New("invalid")
	// ErrNoBackend is a command about a backend that the pool has not.
	ErrNoBackend = errors.New("no such backend")
	// ErrRefused is a command that would do harm, or that is carried out already.
	ErrRefused = errors.New("refused")
)

// String reads `pin s1 to 0.5`.
func (c Command) String() string {
	switch c.Verb {
	case Pin:
		return fmt.Sprintf("pin %s to %.3g", c.Backend, c.Weight)
	case SetDry:
		if c.On {
			return "dry-run on"
		}
		return "dry-run off"
	case Drain:
		out := "drain " + strings.Join(c.backends(), ", ")
		if c.Over > 0 {
			out += " over " + c.Over.String()
		}
		return out
	default:
		return strings.TrimSpace(string(c.Verb) + " " + strings.Join(c.backends(), ", "))
	}
}

// backends are those that it is about; one without a name for a whole pool.
func (c Command) backends() []string {
	if len(c.Backends) > 0 {
		return c.Backends
	}
	return []string{c.Backend}
}

// of is the same about one of its backends.
func (c Command) of(backend string) Command {
	c.Backend, c.Backends = backend, nil
	return c
}

type command struct {
	Command
	done chan<- commanded
}

type commanded struct {
	orders scorer.Orders
	err    error
}

// Command carries out c and returns all orders that are in force then. Its errors
// are [ErrInvalid], [ErrNoBackend], [ErrRefused] or the context's; after one,
// nothing has changed.
func (t *Tuner) Command(ctx context.Context, c Command) (scorer.Orders, error) {
	done := make(chan commanded, 1)
	select {
	case t.commands <- command{c, done}:
	case <-ctx.Done():
		return scorer.Orders{}, fmt.Errorf("%s: %w", c, ctx.Err())
	case <-t.ended:
		return scorer.Orders{}, fmt.Errorf("%s: the pool is being stopped: %w", c, ErrRefused)
	}
	out := <-done // the owner answers at once
	if out.err != nil {
		return scorer.Orders{}, fmt.Errorf("%s: %w", c, out.err)
	}
	return out.orders, nil
}

// command takes what an operator wants; the next step carries it out. A step at once
// would be one more than the limits are made for.
func (o *owner) command(c Command) commanded {
	orders := o.now.Orders.Clone()
	if err := o.change(&orders, c); err != nil {
		return commanded{err: err}
	}
	o.order(orders)
	o.log.Info("order", "order", c.String(), "who", c.Order.Who, "why", c.Order.Why)
	for _, backend := range c.backends() {
		o.event(Event{
			Kind: EventOrder, Backend: backend, Who: c.Order.Who, Text: c.of(backend).String() + " " + c.Order.String(),
		})
	}
	return commanded{orders: orders.Clone()}
}

// order puts orders in force.
func (o *owner) order(orders scorer.Orders) {
	o.now.Orders = orders
	maps.DeleteFunc(o.drained, func(backend string, _ time.Time) bool {
		_, ordered := orders.Drains[backend]
		return !ordered
	})
	o.model.setOrders(orders.Clone())
	if o.options.OnOrders != nil {
		o.options.OnOrders(orders.Clone())
	}
}

func (o *owner) change(orders *scorer.Orders, c Command) error {
	switch c.Verb {
	case Freeze:
		orders.Frozen = &c.Order
	case Unfreeze:
		if orders.Frozen == nil {
			return fmt.Errorf("%w: it is not frozen", ErrRefused)
		}
		orders.Frozen = nil
	case SetDry:
		orders.DryRun = &scorer.Switch{Order: c.Order, On: c.On}
	case Rebalance:
		if err := o.model.pool.CanRebalance(); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		orders.Rebalance = &c.Order
	case Pin, Unpin, Drain, Undrain:
		for _, backend := range c.backends() {
			if err := o.changeBackend(orders, c.of(backend)); err != nil {
				return err
			}
		}
		if c.Verb == Drain && !c.Force {
			return o.canDrain(orders, c)
		}
	default:
		return fmt.Errorf("%w: no verb %q", ErrInvalid, c.Verb)
	}
	return nil
}

func (o *owner) changeBackend(orders *scorer.Orders, c Command) error {
	_, pinned := orders.Pins[c.Backend]
	_, drained := orders.Drains[c.Backend]
	// What is ordered for a backend that has gone can be taken back.
	taken := (c.Verb == Unpin && pinned) || (c.Verb == Undrain && drained)
	if !taken && !o.has(c.Backend) {
		return fmt.Errorf("%w: %q; the pool has %s", ErrNoBackend, c.Backend, o.names())
	}
	switch c.Verb {
	case Pin:
		if !(c.Weight > 0 && c.Weight <= MaxPin) {
			return fmt.Errorf("%w: weight %v: must be above 0 and at most %d, 1 being the mean; drain takes a backend out", ErrInvalid, c.Weight, MaxPin)
		}
		set(&orders.Pins, c.Backend, scorer.Pin{Order: c.Order, Weight: c.Weight})
	case Unpin:
		if !pinned {
			return fmt.Errorf("%w: it is not pinned", ErrRefused)
		}
		delete(orders.Pins, c.Backend)
	case Drain:
		if c.Over < 0 || c.Over > MaxDrain {
			return fmt.Errorf("%w: over %s: must be above 0 and at most %s", ErrInvalid, c.Over, MaxDrain)
		}
		set(&orders.Drains, c.Backend, scorer.Drain{Order: c.Order, Over: c.Over, Forced: c.Force})
	case Undrain:
		if !drained {
			return fmt.Errorf("%w: it is not drained by an order", ErrRefused)
		}
		delete(orders.Drains, c.Backend)
	}
	return nil
}

func set[V any](m *map[string]V, key string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[key] = value
}

func (o *owner) has(backend string) bool {
	for i := range o.current {
		if o.current[i].Name == backend {
			return true
		}
	}
	return false
}

// canDrain says whether the others can do without the backends of c, which orders
// have drained already.
func (o *owner) canDrain(orders *scorer.Orders, c Command) error {
	var err error
	if o.last(orders) {
		err = scorer.ErrLastBackend
	} else if o.now.Plan.Seq > 0 {
		err = o.model.pool.CanDrain(c.backends()...)
	}
	if err != nil {
		return fmt.Errorf("%w: %w; force it if that is meant", ErrRefused, err)
	}
	return nil
}

// last says whether no backend would take work.
func (o *owner) last(orders *scorer.Orders) bool {
	for i := range o.current {
		b := &o.current[i]
		_, drained := orders.Drains[b.Name]
		if b.Condition == scorer.Up && !drained && !o.ejected(b.Name) {
			return false
		}
	}
	return true
}

func (o *owner) ejected(backend string) bool {
	for i := range o.now.Plan.Decisions {
		if d := &o.now.Plan.Decisions[i]; d.Backend == backend {
			return d.State == scorer.StateEjected
		}
	}
	return false
}

// maxNames is how many names an error lists.
const maxNames = 20

func (o *owner) names() string {
	var names []string
	for i := range o.current {
		if i == maxNames {
			names = append(names, "…")
			break
		}
		names = append(names, o.current[i].Name)
	}
	if len(names) == 0 {
		return "none so far"
	}
	return strings.Join(names, ", ")
}
