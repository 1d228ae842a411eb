package discovery

import (
	"fmt"
	"testing"
)

func everything(version string) []Change {
	return []Change{ // not in the order of sending
		change(routeType, res("r", version)), change(endpointType, res("e", version)),
		change(listenerType, res("l", version)), change(clusterType, res("c", version)),
	}
}

// subscribed is a line that has everything of version 1.
func subscribed(t *testing.T, s *Server, delta bool) *line {
	t.Helper()
	publish(t, s, everything("1")...)
	l := dial(t, s, aggregated, delta)
	for _, first := range []struct {
		typeURL, answer string
		names           []string
	}{
		{listenerType, "LDS l@1", nil},
		{routeType, "RDS r@1", []string{"r"}},
		{clusterType, "CDS c@1", nil},
		{endpointType, "EDS e@1", []string{"e"}},
	} {
		l.first(first.typeURL, first.names...)
		r := l.expect(first.answer)
		l.answer(r, "", r.version, first.names...)
	}
	return l
}

func TestTypesGoInOrder(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := subscribed(t, s, delta)
		publish(t, s, everything("2")...)
		l.expect("CDS c@2", "EDS e@2", "LDS l@2", "RDS r@2")
	})
}

// Later versions wait for the ACK, and then only the last of them goes out.
func TestVersionsCoalesce(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		publish(t, s, change(endpointType, res("a", "0"), res("b", "0")))
		l := dial(t, s, aggregated, delta)
		l.first(endpointType, "a", "b")
		r := l.expect("EDS a@0 b@0")
		for version := range 10 {
			publish(t, s, change(endpointType, res("a", fmt.Sprint(version+1))))
			l.expect()
		}
		l.answer(r, "", r.version, "a", "b")
		l.expect("EDS a@10")
	})
}

// Routes of a publication do not overtake its endpoints.
func TestLaterTypeWaitsForEarlierOne(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := subscribed(t, s, delta)
		publish(t, s, change(endpointType, res("e", "2")))
		r := l.expect("EDS e@2")
		publish(t, s, everything("3")...)
		l.expect("CDS c@3")
		l.answer(r, "", r.version, "e")
		l.expect("EDS e@3", "LDS l@3", "RDS r@3")
	})
}

// Envoy acknowledges a changed cluster only when its endpoints have come: those
// of a later publication, whose clusters wait for that ACK, must not hold them up
// nor go before these clusters.
func TestEndpointsOfUnacknowledgedClusters(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := subscribed(t, s, delta)
		publish(t, s, change(endpointType, res("e", "2")))
		e2 := l.expect("EDS e@2")
		publish(t, s, change(clusterType, res("c", "3")), change(endpointType, res("e", "3")))
		c3 := l.expect("CDS c@3")
		publish(t, s, change(clusterType, res("c", "4")), change(endpointType, res("e", "4")))
		l.answer(e2, "", e2.version, "e")
		e3 := l.expect("EDS e@3")
		l.answer(c3, "", c3.version)
		l.expect("CDS c@4")
		l.answer(e3, "", e3.version, "e")
		l.expect("EDS e@4")
	})
}

// Nor do clusters that a client asks for while others are in flight hold up
// endpoints.
func TestMoreClustersDoNotHoldUpEndpoints(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(clusterType, res("c", "1"), res("d", "1")), change(endpointType, res("e", "1")))
	l := dial(t, s, aggregated, true)
	l.first(clusterType, "c")
	l.expect("CDS c@1")
	l.deltaAsk(clusterType, "", []string{"d"}, nil)
	l.first(endpointType, "e")
	l.expect("EDS e@1")
}

// Endpoints go on while unchanged clusters are in flight.
func TestUnacknowledgedClustersDoNotHoldUpEndpoints(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := subscribed(t, s, delta)
		publish(t, s, change(clusterType, res("c", "2")))
		l.expect("CDS c@2")
		for version := range 5 {
			publish(t, s, change(endpointType, res("e", fmt.Sprint(version+2))))
			r := l.expect(fmt.Sprintf("EDS e@%d", version+2))
			l.answer(r, "", r.version, "e")
		}
	})
}

// An assignment whose cluster changes is sent again behind it, also to a client
// that was away and has the assignment's bytes.
func TestBasisMakesResend(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		of := func(cluster string) []Change {
			assignment := res("a", "same")
			assignment.Basis = []byte(cluster)
			return []Change{change(clusterType, res("a", cluster)), change(endpointType, assignment)}
		}
		s := newServer(t, nil)
		publish(t, s, of("1")...)
		l := dial(t, s, aggregated, delta)
		l.first(clusterType)
		c := l.expect("CDS a@1")
		l.answer(c, "", c.version)
		l.first(endpointType, "a")
		e := l.expect("EDS a@same")
		l.answer(e, "", e.version, "a")
		publish(t, s, of("1")...)
		l.expect()
		publish(t, s, of("2")...)
		again := l.expect("CDS a@2", "EDS a@same")
		if again.version == e.version {
			t.Error("the version is the same")
		}
	})
}

func TestUnchangedPublicationCostsNothing(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := subscribed(t, s, delta)
		images := s.Counters().Types[endpointType].Images
		for range 10 {
			publish(t, s, everything("1")...)
			select {
			case <-l.stream.wake: // left over from the requests
			default:
			}
			publish(t, s, everything("1")...)
			if len(l.stream.wake) != 0 {
				t.Fatal("a stream was woken")
			}
		}
		if now := s.Counters().Types[endpointType].Images; now != images {
			t.Errorf("%d images more", now-images)
		}
	})
}

// Streams that want other names are left alone.
func TestOnlyConcernedStreamsAreWoken(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(endpointType, res("a", "1"), res("b", "1")))
	a, b := dial(t, s, endpoints, false), dial(t, s, endpoints, true)
	a.first(endpointType, "a")
	b.first(endpointType, "b")
	for _, l := range []*line{a, b} {
		for l.next() != nil {
		}
		<-l.stream.wake
	}
	publish(t, s, change(endpointType, res("b", "2")))
	if len(a.stream.wake) != 0 || len(b.stream.wake) != 1 {
		t.Errorf("woken: a %d, b %d", len(a.stream.wake), len(b.stream.wake))
	}
}

// Clients that go from the same to the same share one encoded response, whatever
// way they came.
func TestImagesAreShared(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		publish(t, s, change(endpointType, res("a", "1"), res("b", "1"), res("c", "1")))
		var lines []*line
		for n := range 50 {
			l := dial(t, s, aggregated, delta)
			lines = append(lines, l)
			names := []string{"a", "b"}
			if n%2 == 1 {
				names = []string{"b", "a", "a"}
			}
			l.first(endpointType, names...)
		}
		images := map[*image]bool{}
		for _, l := range lines {
			images[l.stream.next()] = true
		}
		if len(images) != 1 {
			t.Errorf("%d images for one response", len(images))
		}
		if c := s.Counters().Types[endpointType]; c.Images != 1 || c.Responses != 50 {
			t.Errorf("counters %+v", c)
		}
		for _, l := range lines {
			l.hangUp()
		}
		topic := s.view(testView).topics[endpoints]
		if len(topic.subscriptions) != 0 || s.Counters().Streams != 0 || len(s.Nodes()) != 0 {
			t.Error("streams have left something behind")
		}
	})
}
