package discovery

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"unicode/utf8"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
)

// A client that rejects everything is sent each resource alone, and from then on
// once per version.
func TestOneResponsePerVersionForWhoRejectsAll(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		publish(t, s, change(endpointType, res("a", "0"), res("b", "0")))
		l := dial(t, s, aggregated, delta)
		l.first(endpointType, "a", "b")
		l.answer(l.expect("EDS a@0 b@0"), "bad", "", "a", "b")
		l.answer(l.expect("EDS a@0"), "bad", "", "a", "b")
		r := l.expect("EDS b@0")
		for version := range 20 {
			l.answer(r, "bad", "", "a", "b")
			l.expect()
			if !delta { // once more, without being asked
				l.answer(r, "still bad", "", "a", "b")
				l.answer(r, "", "", "a", "b")
				l.expect()
			}
			publish(t, s, change(endpointType, res("other", fmt.Sprint(version))))
			l.expect()
			publish(t, s, change(endpointType, res("a", fmt.Sprint(version+1))))
			r = l.expect(fmt.Sprintf("EDS a@%d", version+1))
		}
		if c := s.Counters().Types[endpointType]; c.Responses != 23 || c.Nacks != 22 || c.Acks != 0 {
			t.Errorf("counters %+v", c)
		}
	})
}

// What must be complete is rejected as a whole.
func TestCompleteResponsesAreParkedWhole(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(clusterType, res("a", "0"), res("b", "0")))
	l := dial(t, s, aggregated, false)
	l.first(clusterType)
	for version := range 20 {
		l.answer(l.expect(fmt.Sprintf("CDS a@%d b@0", version)), "bad", "")
		l.expect()
		publish(t, s, change(endpointType, res("other", fmt.Sprint(version))))
		l.expect()
		publish(t, s, change(clusterType, res("a", fmt.Sprint(version+1))))
	}
}

// What is rejected is not there: it waits for its own next version, and holds up
// nothing else.
func TestRejectedIsNotHeld(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := opened(t, s, delta, endpointType, res("a", "1"), res("b", "1"), res("c", "1"))
		good := l.last.version
		publish(t, s, change(endpointType, res("a", "bad"), res("b", "2")))
		l.answer(l.expect("EDS a@bad b@2"), "no a", good, "a", "b", "c")
		r := l.expect("EDS a@bad")
		l.answer(r, "no a", good, "a", "b", "c")
		b := l.expect("EDS b@2")
		l.answer(b, "", b.version, "a", "b", "c")
		l.expect()
		status := s.Nodes()[0].Types[0]
		if status.Rejected == nil || status.Rejected.Error != "no a" || status.Rejected.Version != r.version ||
			status.Acked != b.version || status.Due {
			t.Errorf("status %+v", status)
		}

		publish(t, s, change(endpointType, res("c", "2")))
		c := l.expect("EDS c@2")
		l.answer(c, "", c.version, "a", "b", "c")
		l.expect()
		publish(t, s, change(endpointType, res("a", "2"), res("b", "3")))
		b = l.expect("EDS b@3")
		l.answer(b, "", b.version, "a", "b", "c")
		r = l.expect("EDS a@2")
		l.answer(r, "", r.version, "a", "b", "c")
		l.expect()
		if status := s.Nodes()[0].Types[0]; status.Rejected != nil || status.Acked != r.version {
			t.Errorf("status %+v", status)
		}
		publish(t, s, change(endpointType, res("a", "3"), res("b", "4")))
		l.expect("EDS a@3 b@4")
	})
}

// The bad one of many is found by halves, and costs the others nothing after that.
func TestOneBadOfMany(t *testing.T) {
	const bad = "n07"
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		all := func(version string) (list []Resource, names []string) {
			for n := range 16 {
				names = append(names, fmt.Sprintf("n%02d", n))
				list = append(list, res(names[n], version))
			}
			return list, names
		}
		list, names := all("1")
		publish(t, s, change(endpointType, list...))
		l := dial(t, s, aggregated, delta)
		l.first(endpointType, names...)
		talk := func() (responses int, has map[string]string) {
			has = map[string]string{}
			for r := l.next(); r != nil; r = l.next() {
				responses++
				if _, rejected := r.bodies[bad]; rejected {
					l.answer(r, "bad", "", names...)
					continue
				}
				maps.Copy(has, r.bodies)
				l.answer(r, "", r.version, names...)
			}
			return responses, has
		}
		if responses, has := talk(); responses != 9 || len(has) != 15 {
			t.Errorf("%d responses brought %v", responses, has)
		}
		list, _ = all("2")
		publish(t, s, change(endpointType, list...))
		if responses, has := talk(); responses != 2 || len(has) != 15 {
			t.Errorf("%d responses brought %v of the next version", responses, has)
		}
	})
}

// Neither what changes all the time nor what was rejected holds up the other.
func TestSuspectsTakeTurns(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := opened(t, s, delta, endpointType, res("a", "1"), res("b", "1"), res("c", "1"))
		publish(t, s, change(endpointType, res("a", "2"), res("b", "2")))
		r := l.expect("EDS a@2 b@2")
		var got []string
		for version := range 5 {
			publish(t, s, change(endpointType, res("c", fmt.Sprint(version+2))))
			l.answer(r, map[bool]string{true: "no"}[version == 0], r.version, "a", "b", "c")
			r = l.next()
			got = append(got, r.String())
		}
		if diff := cmp.Diff([]string{"EDS c@2", "EDS a@2", "EDS c@4", "EDS b@2", "EDS c@6"}, got); diff != "" {
			t.Error(diff)
		}
	})
}

// A client that takes the good part of what it rejects, as most do, has something
// else than before: it is told even what was published before.
func TestRollbackAfterRejectionOfSeveral(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := opened(t, s, delta, endpointType, res("a", "1"), res("b", "1"))
		publish(t, s, change(endpointType, res("a", "bad"), res("b", "2")))
		r := l.expect("EDS a@bad b@2")
		publish(t, s, change(endpointType, res("a", "1"), res("b", "1")))
		l.answer(r, "no a", "", "a", "b")
		r = l.expect("EDS a@1")
		l.answer(r, "", r.version, "a", "b")
		l.expect("EDS b@1")
	})
}

// A removal is nothing to be rejected, and none is repeated for ever.
func TestRejectedRemoval(t *testing.T) {
	s := newServer(t, nil)
	l := opened(t, s, true, clusterType, res("a", "1"), res("b", "1"))
	publish(t, s, change(clusterType, res("a", "2")))
	publish(t, s, removal(clusterType, "b"))
	l.answer(l.expect("CDS a@2 -b"), "no", "")
	l.answer(l.expect("CDS a@2"), "no", "")
	l.answer(l.expect("CDS -b"), "no", "")
	l.expect()

	l = opened(t, newServer(t, nil), true, clusterType, res("a", "1"), res("b", "1"))
	publish(t, l.stream.server, removal(clusterType, "b"))
	l.answer(l.expect("CDS -b"), "no", "")
	l.expect()
}

// Going back to what the client has needs no words, and going on to what it has
// rejected is still in vain.
func TestRollbackAfterRejection(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := opened(t, s, delta, clusterType, res("a", "1"))
		publish(t, s, change(clusterType, res("a", "bad")))
		l.answer(l.expect("CDS a@bad"), "no", "")
		publish(t, s, change(clusterType, res("a", "1")))
		l.expect()
		if status := s.Nodes()[0].Types[0]; status.Rejected != nil || status.Due {
			t.Errorf("status after the rollback %+v", status)
		}
		publish(t, s, change(clusterType, res("a", "bad")))
		l.expect()
		publish(t, s, change(clusterType, res("a", "3")))
		l.expect("CDS a@3")
	})
}

func TestComplaintIsOneShortLine(t *testing.T) {
	for _, complaint := range []string{
		"plain",
		"two\nlines\t and  \r\n blanks",
		strings.Repeat("ü", 10_000),
		strings.Repeat("x\n", 10_000),
		"",
	} {
		short := shorten([]byte(complaint))
		if len(short) > maxComplaint || !utf8.ValidString(short) || strings.ContainsAny(short, "\n\r\t") {
			t.Errorf("%.20q… becomes %q", complaint, short)
		}
	}
}

func TestRejectionWithoutText(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		publish(t, s, change(endpointType, res("a", "1")))
		l := dial(t, s, aggregated, delta)
		l.first(endpointType, "a")
		r := l.expect("EDS a@1")
		if delta {
			l.request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: endpointType, ResponseNonce: r.nonce, ErrorDetail: rejection("")})
		} else {
			l.request(&discoveryv3.DiscoveryRequest{TypeUrl: endpointType, ResponseNonce: r.nonce, ResourceNames: []string{"a"}, ErrorDetail: rejection("")})
		}
		l.expect()
		if c := s.Counters().Types[endpointType]; c.Nacks != 1 {
			t.Errorf("counters %+v", c)
		}
	})
}
