package discovery

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

// answer acknowledges a response, or rejects it if there is a complaint. A
// state-of-the-world client repeats its names and the version that it has.
func (l *line) answer(r *reply, complaint, version string, names ...string) {
	l.t.Helper()
	if l.stream.delta {
		m := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: r.typeURL, ResponseNonce: r.nonce}
		if complaint != "" {
			m.ErrorDetail = rejection(complaint)
		}
		l.request(m)
		return
	}
	m := &discoveryv3.DiscoveryRequest{TypeUrl: r.typeURL, ResponseNonce: r.nonce, VersionInfo: version, ResourceNames: names}
	if complaint != "" {
		m.ErrorDetail = rejection(complaint)
	}
	l.request(m)
}

// both runs a test for both protocols.
func both(t *testing.T, test func(t *testing.T, delta bool)) {
	for _, delta := range []bool{false, true} {
		t.Run(map[bool]string{false: "sotw", true: "delta"}[delta], func(t *testing.T) { test(t, delta) })
	}
}

// first subscribes on a new stream.
func (l *line) first(typeURL string, names ...string) {
	l.t.Helper()
	if l.stream.delta {
		l.deltaAsk(typeURL, "", names, nil)
	} else {
		l.ask(typeURL, "", "", names...)
	}
}

func TestOneResponsePerVersionForWhoRejectsAll(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		publish(t, s, change(endpointType, res("a", "0"), res("b", "0")))
		l := dial(t, s, aggregated, delta)
		l.first(endpointType, "a", "b")
		for version := range 20 {
			r := l.expect(fmt.Sprintf("EDS a@%d b@0", version))
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
		}
		if c := s.Counters().Types[endpointType]; c.Responses != 20 || c.Nacks != 20 || c.Acks != 0 {
			t.Errorf("counters %+v", c)
		}
	})
}

// What is rejected is not there: it comes again with the next change, along with
// what came with it.
func TestRejectedIsNotHeld(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		publish(t, s, change(endpointType, res("a", "1"), res("b", "1"), res("c", "1")))
		l := dial(t, s, aggregated, delta)
		l.first(endpointType, "a", "b", "c")
		good := l.expect("EDS a@1 b@1 c@1")
		l.answer(good, "", good.version, "a", "b", "c")
		publish(t, s, change(endpointType, res("a", "bad"), res("b", "2")))
		r := l.expect("EDS a@bad b@2")
		l.answer(r, "no a", good.version, "a", "b", "c")
		l.expect()
		status := s.Nodes()[0].Types[0]
		if status.Rejected == nil || status.Rejected.Error != "no a" || status.Rejected.Version != r.version ||
			status.Acked != good.version || status.Sent != r.version {
			t.Errorf("status %+v", status)
		}

		publish(t, s, change(endpointType, res("a", "2")))
		r = l.expect("EDS a@2 b@2")
		l.answer(r, "", r.version, "a", "b", "c")
		l.expect()
		if status := s.Nodes()[0].Types[0]; status.Rejected != nil || status.Acked != r.version {
			t.Errorf("status %+v", status)
		}
	})
}

// Going back to what the client has needs no words, and going on to what it has
// rejected is still in vain.
func TestRollbackAfterRejection(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		publish(t, s, change(clusterType, res("a", "1")))
		l := dial(t, s, aggregated, delta)
		l.first(clusterType)
		good := l.expect("CDS a@1")
		l.answer(good, "", good.version)
		publish(t, s, change(clusterType, res("a", "bad")))
		l.answer(l.expect("CDS a@bad"), "no", good.version)
		publish(t, s, change(clusterType, res("a", "1")))
		l.expect()
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
