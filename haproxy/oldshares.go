package haproxy

import "maps"

// serverAt is a server of a backend and the address that it has in a process:
// after a reload, the same name may be another machine.
type serverAt struct{ server, address string }

// claim hands over what old workers have of a backend, by server; nil when that
// is nothing. What they have done is handed over once.
func (o *oldWorkers) claim(backend string) map[serverAt]inheritance {
	if o == nil {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.shares[backend]) == 0 {
		return nil
	}
	out := maps.Clone(o.shares[backend])
	for at, share := range o.shares[backend] {
		share.done = progress{}
		o.shares[backend][at] = share
	}
	return out
}

func (o *oldWorkers) sharesOf(backend string) map[serverAt]inheritance {
	shares := o.shares[backend]
	if shares == nil {
		shares = map[serverAt]inheritance{}
		o.shares[backend] = shares
	}
	return shares
}

// add adds up what is in flight at all old workers.
func (o *oldWorkers) add() {
	for _, shares := range o.shares {
		for at, share := range shares {
			if share.done == (progress{}) {
				delete(shares, at)
				continue
			}
			share.inFlight = 0
			shares[at] = share
		}
	}
	for _, w := range o.workers {
		for backend, b := range w.backends {
			for name, s := range b.servers {
				if s.inFlight == 0 {
					continue
				}
				shares := o.sharesOf(backend)
				share := shares[serverAt{name, s.address}]
				share.inFlight += s.inFlight
				shares[serverAt{name, s.address}] = share
			}
		}
	}
}
