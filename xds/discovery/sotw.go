package discovery

import (
	"bytes"
	"slices"
	"time"
)

// sotw takes a state-of-the-world request on a watch. names is how many names
// are allowed.
//
// Envoy asks for endpoints again, with the nonce and version it has
// acknowledged already, when their cluster has changed; it waits for an answer.
// To the letter of the protocol that is one more ACK.
func (w *watch) sotw(r *request, s *stream, names int, now time.Time) error {
	first := w.sub == nil
	changed := first || !bytes.Equal(r.names.raw, w.raw)
	if !first && w.stale(r) {
		return w.cross(r, changed, names)
	}
	switch {
	case first:
		if len(r.version) == versionLength { // a longer one is nothing of ours, and not to be kept
			w.claim = string(r.version)
		}
		w.repeatable = true
	case w.inFlight != nil && r.rejected:
		w.nacked(shorten(r.complaint), now)
	case w.inFlight != nil:
		w.acked()
	case !changed && !r.rejected && w.repeatable && !w.refusals.standing():
		w.repeat()
	}
	if !changed {
		return nil
	}
	wanted, err := r.names.names(names)
	if err != nil {
		return err
	}
	legacy := len(wanted) == 0 && w.kind.root() && !w.listed
	w.listed = w.listed || len(wanted) > 0
	if err := w.subscribe(s, legacy || slices.Contains(wanted, wildcardName), wanted, names); err != nil {
		return err
	}
	w.raw = w.sub.share(r.names.raw)
	return nil
}

// stale is whether the client has sent a request before it has read the last
// response. Clients that leave nonces out are heard where that can be told from
// such a request.
func (w *watch) stale(r *request) bool {
	return w.nonce != "" && w.nonce != string(r.nonce) && (len(r.nonce) > 0 || w.inFlight != nil)
}

// cross takes a request that the client has sent before it has read the last
// response. Its subscription is void, as the client's next request has the valid
// one; but names that it leaves out are forgotten by the client even if they
// are back by then.
func (w *watch) cross(r *request, changed bool, names int) error {
	if w.inFlight == nil {
		return nil
	}
	if !changed {
		w.again = w.again || !r.rejected && w.repeatable
		return nil
	}
	wanted, err := r.names.names(names)
	if err != nil {
		return err
	}
	slices.Sort(wanted)
	if _, all := slices.BinarySearch(wanted, wildcardName); w.sub.wildcard && !all {
		w.later([]string{wildcardName})
	}
	w.later(slices.DeleteFunc(slices.Clone(w.sub.names), func(name string) bool {
		_, kept := slices.BinarySearch(wanted, name)
		return kept
	}))
	return nil
}

// subscribe replaces what is wanted. It takes the names over, in any order; after
// an error nothing has changed.
func (w *watch) subscribe(s *stream, wildcard bool, names []string, limit int) error {
	slices.Sort(names)
	names = slices.DeleteFunc(slices.Compact(names), func(name string) bool { return name == wildcardName })
	if len(names) > limit {
		return errTooMany
	}
	next := w.topic.join(s, newSubscription(wildcard, names))
	if w.sub != nil && w.sub != next {
		w.topic.leave(s, w.sub)
	}
	w.sub = next
	w.held = w.held.within(next)
	w.refusals.within(next)
	w.status.Wildcard, w.status.Subscribed = wildcard, len(next.names)
	return nil
}
