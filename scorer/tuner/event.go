package tuner

import "time"

// EventKind says what an event is about.
type EventKind string

// The kinds of events.
const (
	// EventState is a backend that changes its state.
	EventState EventKind = "state"
	// EventOrder is what an operator has ordered.
	EventOrder EventKind = "order"
	// EventLaw is another law in use.
	EventLaw EventKind = "law"
	// EventTarget is a target that no longer follows, or follows again.
	EventTarget EventKind = "target"
	// EventProxy is a data plane that was restarted or reloaded.
	EventProxy EventKind = "proxy"
	// EventShed is about connections that are asked to reconnect, EventDrain a
	// backend that is empty now.
	EventShed  EventKind = "shed"
	EventDrain EventKind = "drain"
	// EventNote is why a backend does not have what the plan asks for, such as a
	// weight that someone else has set, or that this is over.
	EventNote EventKind = "note"
)

// Event is something that a person on call may want to know afterwards. Weights
// that move are none.
type Event struct {
	At   time.Time
	Kind EventKind
	Pool string
	// Backend, Target and Who are empty where there is none.
	Backend, Target, Who string
	Text                 string
}

func (o *owner) event(e Event) {
	if o.options.OnEvent == nil {
		return
	}
	e.At, e.Pool = time.Now(), o.options.Name
	o.options.OnEvent(e)
}
