package discovery

// difference is what must be said to a client that has one holding so that it
// has another one.
type difference struct {
	send   []stamp
	remove []string
	// told are the names of both, in order.
	told []string
	// fresh is whether the client has nothing of that name yet, for any that is sent.
	fresh bool
}

// from may be nil: the client was never told anything.
func differ(from, to *holding) difference {
	var d difference
	walk(from, to, func(old, now *stamp) {
		if !owed(old, now) {
			return
		}
		d.told = append(d.told, either(old, now))
		if now == nil || now.standing != present {
			d.remove = append(d.remove, either(old, now))
			return
		}
		d.send = append(d.send, *now)
		d.fresh = d.fresh || old == nil || old.standing == absent
	})
	return d
}

// owed is whether a client has to be told of a name. What it has, and what it
// shall have, may be nil.
func owed(old, now *stamp) bool {
	if now == nil {
		return old.standing != absent
	}
	return old == nil || *old != *now
}

func either(a, b *stamp) string {
	if a != nil {
		return a.name
	}
	return b.name
}

// walk visits the names of both holdings in order, the first of which may be nil,
// with what each knows of them: nil if it knows nothing.
func walk(from, to *holding, visit func(old, now *stamp)) {
	var olds []stamp
	if from != nil {
		olds = from.stamps
	}
	for n := range to.stamps {
		now := &to.stamps[n]
		for len(olds) > 0 && olds[0].name < now.name {
			visit(&olds[0], nil)
			olds = olds[1:]
		}
		if len(olds) > 0 && olds[0].name == now.name {
			visit(&olds[0], now)
			olds = olds[1:]
		} else {
			visit(nil, now)
		}
	}
	for n := range olds {
		visit(&olds[n], nil)
	}
}

// merge makes a holding of what pick chooses for each name of two, or nil.
func merge(from, to *holding, pick func(old, now *stamp) *stamp) *holding {
	stamps := make([]stamp, 0, len(to.stamps))
	walk(from, to, func(old, now *stamp) {
		if s := pick(old, now); s != nil {
			stamps = append(stamps, *s)
		}
	})
	return newHolding(stamps)
}
