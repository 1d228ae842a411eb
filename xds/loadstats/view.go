package loadstats

import (
	"time"
)

// view is one cluster as one stream tells of it.
type view struct {
	cluster Cluster
	// service is the EDS service name that the cluster was found by.
	service string
	// backends are the cluster's, sorted; the slices below have the same order.
	backends []string
	places   map[string]int
	now      []observation
	past     []history
	// addresses are those of endpoints as they are sent, each decoded once, in
	// the order in which they came up, and byAddress where each is in it. As
	// data planes keep to an order, the next is mostly the one at follows.
	addresses []sentAddress
	byAddress map[string]int
	follows   int

	// complete is false until the first listing, which may be of a part of a
	// period, is over; report is the number of the newest report that listed
	// the cluster, last when it came in.
	complete bool
	report   uint64
	last     time.Time

	// The rest is of the report in hand. known says that a backend was named
	// in it, unknown counts what was named that is none.
	interval    time.Duration
	known       bool
	unknown     int
	implausible uint64
}

// observation is what one report says of one backend.
type observation struct {
	counts
	load
}

// sentAddress is an address as it is sent and whose it is.
type sentAddress struct {
	raw   string
	place int
}

func newView(c Cluster) *view {
	v := &view{cluster: c, backends: c.backends(), places: map[string]int{}, byAddress: map[string]int{}}
	for i, name := range v.backends {
		v.places[name] = i
	}
	v.now = make([]observation, len(v.backends))
	v.past = make([]history, len(v.backends))
	return v
}

// succeed is the view of the same cluster by another mapping.
func (v *view) succeed(c Cluster) *view {
	after := newView(c)
	after.service, after.complete, after.report, after.last = v.service, v.complete, v.report, v.last
	for name, place := range after.places {
		if before, ok := v.places[name]; ok {
			after.past[place] = v.past[before]
		}
	}
	return after
}

// begin forgets the report before: whoever is not named in this one has nothing
// in progress and has finished nothing.
func (v *view) begin() {
	clear(v.now)
	v.known, v.unknown, v.implausible, v.follows = false, 0, 0, 0
}

// count adds what a report has of the cluster.
func (v *view) count(c *clusterStats) error {
	v.interval = c.interval
	for l, err := range c.localities() {
		if err != nil {
			return err
		}
		if l.byEndpoint {
			err = v.countEndpoints(&l)
		} else {
			err = v.countLocality(&l)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *view) countEndpoints(l *localityStats) error {
	for e, err := range l.endpoints() {
		if err != nil {
			return err
		}
		place, ok := v.at(e.address)
		if !ok {
			v.unknown++
			continue
		}
		v.known = true
		o := &v.now[place]
		o.counts.add(e.counts)
		if !e.measured {
			continue
		}
		for m, err := range e.metrics() {
			if err != nil {
				return err
			}
			v.implausible += o.load.add(m)
		}
	}
	return nil
}

// countLocality takes a locality for the backend that is alone in it.
func (v *view) countLocality(l *localityStats) error {
	name, ok := v.cluster.SubZones[string(l.subZone)]
	if !ok {
		v.unknown++
		return nil
	}
	v.known = true
	o := &v.now[v.places[name]]
	o.counts.add(l.counts)
	o.cpu.add(l.cpu)
	o.memory.add(l.memory)
	o.utilization.add(l.utilization)
	for m, err := range l.metrics() {
		if err != nil {
			return err
		}
		v.implausible += o.load.add(m)
	}
	return nil
}

// at is the place of the backend at an address as it is sent.
func (v *view) at(raw []byte) (place int, ok bool) {
	if v.follows < len(v.addresses) && v.addresses[v.follows].raw == string(raw) {
		v.follows++
		return v.addresses[v.follows-1].place, true
	}
	if at, ok := v.byAddress[string(raw)]; ok {
		v.follows = at + 1
		return v.addresses[at].place, true
	}
	address, ok := decodeAddress(raw)
	if !ok {
		return 0, false
	}
	name, ok := v.cluster.Addresses[address]
	if !ok {
		return 0, false
	}
	place = v.places[name]
	// An address can be written in any number of ways.
	if len(v.addresses) < 2*len(v.cluster.Addresses) {
		v.byAddress[string(raw)] = len(v.addresses)
		v.addresses = append(v.addresses, sentAddress{string(raw), place})
	}
	return place, true
}

// remember notes what is in progress without making reports.
func (v *view) remember() {
	for i := range v.now {
		v.past[i].finish(&v.now[i].counts)
	}
}
