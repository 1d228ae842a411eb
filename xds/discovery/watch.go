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
	// sentAt is when inFlight was sent.
	sentAt time.Time
	// refusals are what the client has rejected, nil if it never has.
	refusals *refusals
	// rejected is whether its last answer was a NACK.
	rejected bool
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
	to := w.sub.resolve(in.sets[w.kind])
	return keeping(w.expected(), to, in.staying[w.kind], w.delta)
}

// expected is what the client has when it takes what is in flight.
func (w *watch) expected() *holding {
	if w.inFlight != nil {
		return w.inFlight.to
	}
	return w.held
}

// due returns what to bring the client to next, or nil if there is nothing to
// say.
func (w *watch) due(in *snapshot) *holding {
	to, from := w.resolve(in), w.expected()
	switch {
	case to == nil:
		return nil
	case from != nil && from.sum == to.sum:
		if w.inFlight == nil {
			if w.nonce == "" { // as it has said itself
				w.arrive(to)
			}
			w.held = to
		}
		return nil
	case from == nil && w.claim != "" && w.claim == to.version:
		w.arrive(to)
		return nil
	}
	return w.refusals.step(from, to, !w.delta && !w.kind.root())
}

// settled says whether the client has all that it shall have.
func (w *watch) settled(in *snapshot) bool {
	to := w.resolve(in)
	return to == nil || w.inFlight == nil && w.held != nil && w.held.sum == to.sum
}

// behind says whether the client has yet to take something that it has not
// rejected.
func (w *watch) behind(in *snapshot) bool {
	return !w.settled(in) && (w.inFlight != nil || w.due(in) != nil)
}

// image returns the response to send, or nil if the protocol cannot say what has
// changed. Then the client has all that it can have of that.
func (w *watch) image(to *holding, in *snapshot) *image {
	img := w.topic.images.get(w.delta, w.held, to, in, w.nonce)
	if img.message == nil {
		w.held = to
		return nil
	}
	w.inFlight, w.flying, w.nonce, w.sentAt = img, w.sub, img.nonce, time.Now()
	w.refusals.sent()
	w.repeatable, w.repeating = !w.repeating, false
	w.status.Sent = to.version
	return img
}

// arrive notes that the client has something.
func (w *watch) arrive(to *holding) {
	w.held, w.claim = to, ""
	w.status.Acked, w.status.Rejected = to.version, w.refusals.latest()
}

func (w *watch) acked() {
	img := w.inFlight
	w.inFlight, w.rejected = nil, false
	w.refusals.accept(img)
	w.arrive(img.to)
	// What the response brought has come after the request that crossed it.
	w.crossed(func(name string) bool {
		_, sent := slices.BinarySearch(img.sent, name)
		return !sent
	})
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
