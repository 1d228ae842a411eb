package discovery

import "time"

// refusals are what a client has rejected, and how the rest gets past it. It is
// nil for clients that never rejected anything.
//
// A NACK is of a response, and says of no resource in it that it is the bad one.
// Where the protocol lets a response leave resources out, those of a rejected one
// are set apart from the others and sent again by halves:
//
//	a b c d ── NACK ──▶ a b ── ACK ──▶ with the others again
//	                    c d ── NACK ──▶ c ── ACK ──▶ with the others again
//	                                    d ── NACK ──▶ parked: not this version again
//
// Later versions of what is parked travel alone until the client takes one, so
// that nothing else is rejected along with them. Every step is a smaller response
// than the one before it: a client that rejects everything is sent less than
// twice as many responses as there are resources, and then one for each new
// version of each.
type refusals struct {
	// whole is for responses that must be complete: what the client has rejected,
	// which is not sent again before something in it changes.
	whole *holding
	// apart are the names that do not travel with the others.
	apart map[string]suspect
	// groups counts the groups that were made.
	groups int
	// news is whether the name rejected last was not parked before.
	news bool
	// choice is what step has found last, turn what was sent last.
	choice, turn turn
}

// turn is who was served last.
type turn struct {
	// last is the last group of names set apart, over whether such names were passed
	// over after that.
	last int
	over bool
}

// suspect is why a name is set apart.
type suspect struct {
	// Names of a group travel together.
	group int
	// parked is whether the version was rejected when it was alone.
	parked    bool
	version   uint64
	rejection *Rejection
}

// everybody is the group of the names that are not set apart.
const everybody = 0

// step returns the next holding on the client's way from one to another, nil if
// there is nothing to send. It goes all the way unless something was rejected.
// speechless is true of the state of the world, which has no words for removal.
func (r *refusals) step(from, to *holding, speechless bool) *holding {
	switch {
	case r == nil:
		return to
	case r.whole != nil && r.whole.sum == to.sum:
		return nil
	case len(r.apart) == 0:
		return to
	}
	silent := func(next *stamp) bool { return speechless && (next == nil || next.standing == absent) }
	others, next, least, quiet := false, 0, 0, false
	walk(from, to, func(old, now *stamp) {
		if !owed(old, now) {
			return
		}
		if silent(now) {
			quiet = true
			return
		}
		of, set := r.apart[either(old, now)]
		switch {
		case !set:
			others = true
		case of.bars(now):
		default:
			if least == 0 || of.group < least {
				least = of.group
			}
			if of.group > r.turn.last && (next == 0 || of.group < next) {
				next = of.group
			}
		}
	})
	group := everybody
	switch {
	case others && !r.turn.over: // what was not rejected goes first, but not for ever
	case next > 0:
		group = next
	case least > 0:
		group = least
	case !others && !quiet:
		return nil
	}
	r.choice = turn{last: r.turn.last, over: group == everybody && least > 0}
	if group != everybody {
		r.choice.last = group
	}
	return merge(from, to, func(old, now *stamp) *stamp {
		of := r.apart[either(old, now)]
		if silent(now) || of.group == group && !of.bars(now) {
			return now
		}
		return old
	})
}

func (s suspect) bars(now *stamp) bool {
	return s.parked && now != nil && now.standing == present && now.version == s.version
}

// sent notes that step's choice was sent.
func (r *refusals) sent() {
	if r != nil {
		r.turn = r.choice
	}
}

// accept lets names travel with the others again.
func (r *refusals) accept(img *image) {
	if r == nil {
		return
	}
	r.whole = nil
	for _, name := range img.told {
		delete(r.apart, name)
	}
}

// reject takes in a NACK.
func (r *refusals) reject(img *image, why *Rejection) {
	if r.apart == nil {
		r.apart = make(map[string]suspect)
	}
	if len(img.told) == 1 {
		name := img.told[0]
		r.groups++
		r.news = !r.apart[name].parked
		r.apart[name] = suspect{group: r.groups, parked: true, version: img.to.find(name).version, rejection: why}
		return
	}
	half := (len(img.sent) + 1) / 2
	for _, names := range [][]string{img.sent[:half], img.sent[half:], img.removed} {
		r.groups++
		for _, name := range names {
			r.apart[name] = suspect{group: r.groups, rejection: why}
		}
	}
}

// standing is whether a complete response is parked.
func (r *refusals) standing() bool { return r != nil && r.whole != nil }

// surprising is whether the name rejected last was not parked before.
func (r *refusals) surprising() bool { return r != nil && r.news }

// within forgets what is not subscribed to any more.
func (r *refusals) within(sub *subscription) {
	if r == nil || sub.wildcard {
		return
	}
	for name := range r.apart {
		if !sub.concerns([]string{name}) {
			delete(r.apart, name)
		}
	}
}

// latest is the newest rejection that has not been made up for, nil if all have.
func (r *refusals) latest() *Rejection {
	if r == nil {
		return nil
	}
	var newest *Rejection
	for _, of := range r.apart {
		if newest == nil || of.rejection.At.After(newest.At) {
			newest = of.rejection
		}
	}
	return newest
}

// nacked takes in that the client has rejected what is in flight. Of one resource
// it keeps the version that it had; of several it may have taken some.
func (w *watch) nacked(complaint string, now time.Time) {
	img := w.inFlight
	w.inFlight, w.rejected = nil, true
	w.status.Rejected = &Rejection{At: now, Version: img.to.version, Error: complaint}
	if len(img.sent) == 0 && w.delta {
		w.held = img.to // there is nothing to reject about a removal
		w.refusals.accept(img)
	} else {
		w.refuse(img)
	}
	w.crossed(func(string) bool { return true })
}

func (w *watch) refuse(img *image) {
	if w.refusals == nil {
		w.refusals = &refusals{}
	}
	if len(img.told) > 1 {
		w.held = w.held.unsure(img.told)
	}
	if w.delta || !w.kind.root() {
		w.refusals.reject(img, w.status.Rejected)
	} else {
		w.refusals.whole = img.to
	}
}

// refused is why the client does not have what it shall have of a name, nil if it
// has not rejected that. to is all that it shall have.
func (w *watch) refused(shall stamp, to *holding) *Rejection {
	switch r := w.refusals; {
	case r == nil:
		return nil
	case r.whole != nil && r.whole.sum == to.sum:
		return w.status.Rejected
	default:
		of := r.apart[shall.name]
		if of.parked && !of.bars(&shall) {
			return nil // it has not had that version yet
		}
		return of.rejection
	}
}

// parks is whether something that the client has rejected is not sent again.
func (r *refusals) parks(shall stamp, to *holding) bool {
	return r != nil && (r.whole != nil && r.whole.sum == to.sum || r.apart[shall.name].bars(&shall))
}
