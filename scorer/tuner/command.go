package tuner

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Verb is what a command does.
type Verb string

// The verbs. Pin, Unpin, Drain and Undrain are about one backend.
const (
	Pin      Verb = "pin"
	Unpin    Verb = "unpin"
	Freeze   Verb = "freeze"
	Unfreeze Verb = "unfreeze"
	SetDry   Verb = "dry-run"
	Drain    Verb = "drain"
	Undrain  Verb = "undrain"
)

// Command is something that an operator wants of a pool.
type Command struct {
	Verb    Verb
	Backend string
	// Weight is for Pin, in plan units: above 0, 1 is the mean.
	Weight float64
	// On is for SetDry.
	On bool
	// Force drains the last backend, too.
	Force bool
	// Order is who wants it, why and since when.
	Order scorer.Order
}

// MaxPin is the largest weight that can be ordered: more is a mistake.
const MaxPin = 1000

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
	default:
		return strings.TrimSpace(string(c.Verb) + " " + c.Backend)
	}
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
	o.now.Orders = orders
	o.model.setOrders(orders.Clone())
	o.log.Info("order", "order", c.String(), "who", c.Order.Who, "why", c.Order.Why)
	o.event(Event{
		Kind: EventOrder, Backend: c.Backend, Who: c.Order.Who, Text: c.String() + " " + c.Order.String(),
	})
	return commanded{orders: orders.Clone()}
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
	case Pin, Unpin, Drain, Undrain:
		return o.changeBackend(orders, c)
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
		if !(c.Weight > 0 && c.Weight <= MaxPin) || math.IsNaN(c.Weight) {
			return fmt.Errorf("%w: weight %v: must be above 0 and at most %d, 1 being the mean; drain takes a backend out", ErrInvalid, c.Weight, MaxPin)
		}
		set(&orders.Pins, c.Backend, scorer.Pin{Order: c.Order, Weight: c.Weight})
	case Unpin:
		if !pinned {
			return fmt.Errorf("%w: it is not pinned", ErrRefused)
		}
		delete(orders.Pins, c.Backend)
	case Drain:
		if !c.Force && o.last(orders, c.Backend) {
			return fmt.Errorf("%w: no other backend takes work; force it if that is meant", ErrRefused)
		}
		set(&orders.Drains, c.Backend, c.Order)
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

// last says whether no backend but this one takes work.
func (o *owner) last(orders *scorer.Orders, backend string) bool {
	for i := range o.current {
		b := &o.current[i]
		_, drained := orders.Drains[b.Name]
		if b.Name != backend && b.Condition == scorer.Up && !drained && !o.ejected(b.Name) {
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
