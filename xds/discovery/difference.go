package discovery

// difference is what must be said to a client that has one holding so that it
// has another one.
type difference struct {
	send   []stamp
	remove []string
}

// from may be nil: the client was never told anything.
func differ(from, to *holding) difference {
	var d difference
	var old []stamp
	if from != nil {
		old = from.stamps
	}
	for _, s := range to.stamps {
		for len(old) > 0 && old[0].name < s.name {
			d.drop(old[0])
			old = old[1:]
		}
		known := len(old) > 0 && old[0].name == s.name
		if !known || old[0] != s {
			if s.standing == present {
				d.send = append(d.send, s)
			} else {
				d.remove = append(d.remove, s.name)
			}
		}
		if known {
			old = old[1:]
		}
	}
	for _, s := range old {
		d.drop(s)
	}
	return d
}

func (d *difference) drop(s stamp) {
	if s.standing != absent {
		d.remove = append(d.remove, s.name)
	}
}
