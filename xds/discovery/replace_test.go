package discovery

import (
	"testing"
	"testing/synctest"
	"time"
)

// moved is a publication in which everything moves from one cluster to another.
func moved(from, to string) []Change {
	return []Change{
		{TypeURL: clusterType, Changed: []Resource{res(to, "1")}, Removed: []string{from}},
		{TypeURL: endpointType, Changed: []Resource{res(to, "1")}, Removed: []string{from}},
		change(routeType, res("r", "to "+to)),
	}
}

// A cluster is removed when the client has taken the routes without it, and not
// before.
func TestRemovalWaitsForRoutes(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := subscribed(t, s, delta)
		publish(t, s, moved("c", "d")...)
		// What a state of the world leaves out is removed: so c is in it.
		c := l.expect(map[bool]string{false: "CDS c@1 d@1", true: "CDS d@1"}[delta])
		if delta {
			l.deltaAsk(endpointType, "", []string{"d"}, nil)
		} else {
			e := l.stream.watches[endpoints]
			l.ask(endpointType, e.status.Acked, e.nonce, "d", "e")
		}
		d := l.expect("EDS d@1")
		l.answer(d, "", d.version, "d", "e")
		l.expect() // routes wait for the cluster that is new
		l.answer(c, "", c.version)
		r := l.expect("RDS r@to d")
		l.answer(r, "", r.version, "r")
		c = l.expect(map[bool]string{false: "CDS d@1", true: "CDS -c"}[delta])
		l.answer(c, "", c.version)
		l.expect()
	})
}

// Nothing waits where there are no listeners and routes to wait for.
func TestRemovalAlone(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := opened(t, s, delta, clusterType, res("c", "1"), res("d", "1"))
		publish(t, s, removal(clusterType, "c"), change(routeType, res("r", "1")))
		l.expect(map[bool]string{false: "CDS d@1", true: "CDS -c"}[delta])
	})
}

// Publications in between, as there are all the time, change nothing about the
// order, and what was removed is not brought back.
func TestRemovalWaitsThroughPublications(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := subscribed(t, s, delta)
		publish(t, s, change(routeType, res("r", "2")), removal(clusterType, "c"))
		r := l.expect("RDS r@2")
		publish(t, s, change(endpointType, res("e", "2")))
		e := l.expect("EDS e@2")
		l.answer(e, "", e.version, "e")
		l.expect()
		l.answer(r, "", r.version, "r")
		c := l.expect(map[bool]string{false: "CDS", true: "CDS -c"}[delta])
		publish(t, s, change(routeType, res("r", "3")))
		l.expect("RDS r@3")
		l.answer(c, "", c.version)
		l.expect()
	})
}

// Who does not take its routes does not keep what was removed for ever.
func TestRemovalDoesNotWaitForever(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		synctest.Test(t, func(t *testing.T) {
			s := newServer(t, nil)
			l := subscribed(t, s, delta)
			publish(t, s, change(routeType, res("r", "bad")), removal(clusterType, "c"))
			l.answer(l.expect("RDS r@bad"), "no", "", "r")
			l.expect()
			<-time.After(linger)
			publish(t, s, change(endpointType, res("e", "2")))
			l.expect(map[bool]string{false: "CDS", true: "CDS -c"}[delta], "EDS e@2")
		})
	})
}

// A cluster that is back before it was gone is none that was removed.
func TestRemovalTakenBack(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := subscribed(t, s, delta)
		publish(t, s, change(routeType, res("r", "2")), removal(clusterType, "c"))
		r := l.expect("RDS r@2")
		publish(t, s, change(clusterType, res("c", "1")))
		l.answer(r, "", r.version, "r")
		l.expect()
	})
}
