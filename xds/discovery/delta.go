package discovery

import (
	"slices"
	"time"
)

// incremental takes a delta request on a watch. names is how many names are
// allowed.
//
// Subscriptions change whether or not the request answers a response, and a name
// that is subscribed to again is sent again.
func (w *watch) incremental(r *request, s *stream, names int, now time.Time) error {
	if w.inFlight != nil && string(r.nonce) == w.inFlight.nonce {
		if r.rejected {
			w.nacked(shorten(r.complaint), now)
		} else {
			w.acked()
		}
	}
	more, err := r.subscribe.names(names)
	if err != nil {
		return err
	}
	fewer, err := r.unsubscribe.names(names)
	if err != nil {
		return err
	}
	first := w.sub == nil
	if !first && len(more)+len(fewer) == 0 {
		return nil
	}
	wildcard, wanted := false, more
	if first {
		wildcard = w.kind.root() && len(more) == 0
		if len(r.initial) > 0 {
			w.held = claimed(r.initial)
		}
	} else {
		wildcard, wanted = w.sub.wildcard, slices.Concat(w.sub.names, more)
		w.afreshen(more)
	}
	wildcard = (wildcard || slices.Contains(more, wildcardName)) && !slices.Contains(fewer, wildcardName)
	if len(fewer) > 0 {
		slices.Sort(fewer)
		wanted = slices.DeleteFunc(wanted, func(name string) bool {
			_, gone := slices.BinarySearch(fewer, name)
			return gone
		})
		if wildcard {
			// The client forgets them, though everything is wanted.
			w.afreshen(fewer)
		}
	}
	return w.subscribe(s, wildcard, wanted, names)
}

// afreshen asks for names now and, if a response is under way that may not have
// them, once more after it.
func (w *watch) afreshen(names []string) {
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	w.ask(names)
	if w.inFlight != nil {
		w.later(names)
	}
}
