package discovery

import (
	"slices"
	"time"
)

// watch is one stream's dealings with one type. The stream's mu guards it.
type watch struct {
	kind  kind
	delta bool
	topic *topic

	sub *subscription
	// listed is whether names were ever listed: from then on an empty list means
	// nothing, before it everything.
	listed bool
	// raw is the list of names as the last request had it, encoded.
	raw []byte

	// held is what the client has; nil as long as it was told nothing.
	held *holding
	// claim is the version that a client says to have on a new stream. It counts
	// for what the first answer would be.
	claim string
	// inFlight waits for its ACK or NACK; flying is what was subscribed to when it
	// was sent.
	inFlight *image
	flying   *subscription
	// refused is what the client rejected and is not sent again.
	refused *holding
	// nonce is the one sent last, "" before the first response.
	nonce string

	// again is a request that crossed the response in flight and asked for
	// everything once more. afresh are names that the client asked for once more,
	// or may have forgotten, while the response was in flight.
	again  bool
	afresh []string
	// repeatable is whether a request that changes nothing is answered with
	// everything. It is used up by that, and granted by any response that does not
	// repeat: so a client that sends every ACK twice is no loop.
	repeatable, repeating bool

	status TypeStatus
}

// resolve returns what the client shall have, or nil if that is not known yet.
func (w *watch) resolve(in *snapshot) *holding {
	if in.sets[w.kind] == nil {
		return nil
	}
	return w.sub.resolve(in.sets[w.kind])
}

// due returns what to bring the client to, or nil if there is nothing to say.
func (w *watch) due(in *snapshot) *holding {
	to := w.resolve(in)
	switch {
	case to == nil:
		return nil
	case w.inFlight != nil:
		if to.sum == w.inFlight.to.sum {
			return nil
		}
		return to
	case w.held == nil && w.claim != "" && w.claim == to.version:
		w.arrive(to)
		return nil
	case w.held != nil && w.held.sum == to.sum:
		if w.nonce == "" { // as it has said itself
			w.arrive(to)
		}
		w.held = to
		return nil
	case w.refused != nil && w.refused.sum == to.sum:
		return nil
	}
	return to
}

// behind says whether the client has yet to take what it shall have.
func (w *watch) behind(in *snapshot) bool {
	to := w.resolve(in)
	if to == nil || w.refused != nil && w.refused.sum == to.sum {
		return false
	}
	return w.held == nil || w.held.sum != to.sum
}

// image returns the response to send, or nil if the protocol cannot say what has
// changed. Then the client has all that it can have.
func (w *watch) image(to *holding, in *snapshot) *image {
	img := w.topic.images.get(w.delta, w.held, to, in.sets[w.kind], w.nonce)
	if img.message == nil {
		w.held = to
		return nil
	}
	w.inFlight, w.flying, w.nonce = img, w.sub, img.nonce
	w.repeatable, w.repeating = !w.repeating, false
	w.status.Sent = to.version
	return img
}

// arrive notes that the client has something.
func (w *watch) arrive(to *holding) {
	w.held, w.claim, w.refused = to, "", nil
	w.status.Acked, w.status.Rejected = to.version, nil
}

func (w *watch) acked() {
	img := w.inFlight
	w.inFlight = nil
	w.arrive(img.to)
	// What the response brought has come after the request that crossed it.
	w.crossed(func(name string) bool {
		_, sent := slices.BinarySearch(img.sent, name)
		return !sent
	})
}

// nacked parks what is in flight: the client has what it had before.
func (w *watch) nacked(complaint string, now time.Time) {
	w.refused = w.inFlight.to
	w.status.Rejected = &Rejection{At: now, Version: w.inFlight.to.version, Error: complaint}
	w.inFlight = nil
	w.crossed(func(string) bool { return true })
}

// crossed makes up for the requests that came while a response was in flight.
func (w *watch) crossed(lacking func(name string) bool) {
	if w.again {
		w.repeating = true
		w.held = w.held.doubting(lacking)
	}
	if len(w.afresh) > 0 {
		slices.Sort(w.afresh)
		w.ask(w.afresh)
	}
	w.again, w.afresh = false, nil
	if w.sub != w.flying {
		w.held = w.held.within(w.sub)
	}
	w.flying = nil
}

// repeat makes everything be sent again.
func (w *watch) repeat() {
	w.repeatable, w.repeating = false, true
	w.claim = ""
	if w.held == nil {
		return
	}
	w.held = w.held.doubting(func(string) bool { return true })
}

// ask makes names be told anew although the client may have them. They are sorted.
func (w *watch) ask(names []string) {
	_, all := slices.BinarySearch(names, wildcardName)
	w.held = w.held.doubting(func(name string) bool {
		_, asked := slices.BinarySearch(names, name)
		return asked || all
	})
}

const maxAfresh = 1000

// later remembers names for the time when the response in flight is answered;
// too many of them stand for all.
func (w *watch) later(names []string) {
	if w.afresh = append(w.afresh, names...); len(w.afresh) > maxAfresh {
		w.afresh = []string{wildcardName}
	}
}
