package discovery

import (
	"strings"
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
)

func TestSotWSubscriptions(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(endpointType, res("a", "1"), res("b", "1"), res("c", "1")))
	l := dial(t, s, aggregated, false)

	l.ask(endpointType, "", "", "a")
	r := l.expect("EDS a@1")
	l.ask(endpointType, r.version, r.nonce, "a")
	l.expect()

	// A name that is added brings itself alone.
	l.ask(endpointType, r.version, r.nonce, "a", "b")
	r2 := l.expect("EDS b@1")
	if r2.version == r.version {
		t.Error("two subscriptions have one version")
	}
	l.ask(endpointType, r2.version, r2.nonce, "a", "b")
	l.expect()

	// One that is dropped brings nothing, and is sent when it comes back.
	l.ask(endpointType, r2.version, r2.nonce, "a")
	l.expect()
	l.ask(endpointType, r2.version, r2.nonce, "b", "a")
	r3 := l.expect("EDS b@1")
	l.ask(endpointType, r3.version, r3.nonce, "b", "a")

	// A name without a resource is silence, until there is one.
	l.ask(endpointType, r3.version, r3.nonce, "a", "b", "new")
	l.expect()
	publish(t, s, change(endpointType, res("new", "1"), res("c", "2")))
	l.expect("EDS new@1")
}

func TestSotWWildcard(t *testing.T) {
	for _, test := range []struct {
		name   string
		first  []string
		answer string
	}{
		{"legacy", nil, "CDS a@1 b@1"},
		{"explicit", []string{"*"}, "CDS a@1 b@1"},
		{"explicit with names", []string{"*", "a", "none"}, "CDS a@1 b@1"},
		{"names", []string{"b"}, "CDS b@1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, nil)
			publish(t, s, change(clusterType, res("a", "1"), res("b", "1")))
			l := dial(t, s, aggregated, false)
			l.ask(clusterType, "", "", test.first...)
			r := l.expect(test.answer)
			l.ask(clusterType, r.version, r.nonce, test.first...)
			l.expect()
		})
	}
}

func TestSotWWildcardEnds(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(clusterType, res("a", "1"), res("b", "1")))
	l := dial(t, s, aggregated, false)
	l.ask(clusterType, "", "")
	r := l.expect("CDS a@1 b@1")
	l.ask(clusterType, r.version, r.nonce)

	publish(t, s, removal(clusterType, "a"))
	r = l.expect("CDS b@1")
	l.ask(clusterType, r.version, r.nonce)
	publish(t, s, removal(clusterType, "b"))
	r = l.expect("CDS")
	l.ask(clusterType, r.version, r.nonce)
	publish(t, s, change(clusterType, res("a", "2"), res("b", "2")))
	r = l.expect("CDS a@2 b@2")

	// After names an empty list means nothing.
	l.ask(clusterType, r.version, r.nonce, "a")
	l.expect()
	l.ask(clusterType, r.version, r.nonce)
	publish(t, s, change(clusterType, res("a", "3"), res("b", "3")))
	l.expect()
}

func TestSotWEmptyListOfEndpointsIsNoWildcard(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(endpointType, res("a", "1")))
	l := dial(t, s, aggregated, false)
	l.ask(endpointType, "", "")
	l.expect()
	l.ask(endpointType, "", "", "a")
	l.expect("EDS a@1")
}

func TestSotWStaleNonce(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(endpointType, res("a", "1"), res("b", "1")))
	l := dial(t, s, aggregated, false)
	l.ask(endpointType, "", "", "a")
	r1 := l.expect("EDS a@1")
	l.ask(endpointType, r1.version, r1.nonce, "a")
	publish(t, s, change(endpointType, res("a", "2")))
	r2 := l.expect("EDS a@2")

	// These were sent before r2 was read: nothing follows from them yet.
	l.ask(endpointType, r1.version, r1.nonce, "a", "b")
	l.ask(endpointType, "", "", "a", "b")
	l.request(&discoveryv3.DiscoveryRequest{TypeUrl: endpointType, ResponseNonce: r1.nonce, ResourceNames: []string{"a"}, ErrorDetail: rejection("late")})
	l.expect()
	if n := s.Nodes()[0].Types[0]; n.Rejected != nil || n.Acked != r1.version || !n.InFlight {
		t.Errorf("status %+v", n)
	}
	l.ask(endpointType, r2.version, r2.nonce, "a", "b")
	l.expect("EDS b@1")
}

// A name that was dropped and is wanted again while a response was in flight is
// one that the client has no more.
func TestSotWForgottenWhileInFlight(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(endpointType, res("a", "1"), res("b", "1"), res("c", "1")))
	for _, more := range []string{"a", "c"} { // in addition, "a" being none
		l := dial(t, s, aggregated, false)
		l.ask(endpointType, "", "", "a", "b")
		r1 := l.next()
		l.ask(endpointType, r1.version, r1.nonce, "a", "b")
		publish(t, s, change(endpointType, res("a", "for "+more)))
		r2 := l.expect("EDS a@for " + more)
		l.ask(endpointType, r1.version, r1.nonce, "a")
		l.ask(endpointType, r1.version, r1.nonce, "a", "b", more)
		l.ask(endpointType, r2.version, r2.nonce, "a", "b", more)
		if got := l.next(); got == nil || got.bodies["b"] != "b@1" {
			t.Errorf("%s: response %v, want b", more, got)
		}
	}
}

// Envoy repeats a request when a cluster has changed, and waits.
func TestSotWRepeatedRequestIsAnswered(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(clusterType, res("a", "1")), change(endpointType, res("a", "1"), res("b", "1")))
	l := dial(t, s, aggregated, false)
	l.ask(endpointType, "", "", "a", "b")
	r := l.expect("EDS a@1 b@1")
	l.ask(endpointType, r.version, r.nonce, "a", "b")
	l.ask(endpointType, r.version, r.nonce, "a", "b")
	again := l.expect("EDS a@1 b@1")
	if again.version != r.version {
		t.Errorf("the same has versions %s and %s", r.version, again.version)
	}
	if again.nonce == r.nonce {
		t.Error("an ACK of the first would be one of the second")
	}

	// A client that sends every ACK twice must not be a loop.
	for range 3 {
		l.ask(endpointType, again.version, again.nonce, "a", "b")
		l.ask(endpointType, again.version, again.nonce, "a", "b")
		l.expect()
	}

	// A cluster that was sent is a reason to repeat once more.
	l.ask(clusterType, "", "")
	c := l.expect("CDS a@1")
	l.ask(clusterType, c.version, c.nonce)
	l.ask(endpointType, again.version, again.nonce, "a", "b")
	if third := l.expect("EDS a@1 b@1"); third.nonce == again.nonce {
		t.Error("an ACK of the second would be one of the third")
	}
}

// The repetition crosses a response that has only a part.
func TestSotWRepeatedRequestCrossesResponse(t *testing.T) {
	s := newServer(t, nil)
	l := opened(t, s, false, endpointType, res("a", "1"), res("b", "1"))
	r1 := l.last
	publish(t, s, change(endpointType, res("a", "2")))
	r2 := l.expect("EDS a@2")
	l.ask(endpointType, r1.version, r1.nonce, "a", "b")
	l.expect()
	l.ask(endpointType, r2.version, r2.nonce, "a", "b")
	r3 := l.expect("EDS b@1")

	// For ever in this way is for once.
	l.ask(endpointType, r2.version, r2.nonce, "a", "b")
	l.ask(endpointType, r3.version, r3.nonce, "a", "b")
	l.expect()
}

func TestSotWReconnect(t *testing.T) {
	s := newServer(t, nil)
	all := []Change{change(clusterType, res("a", "1")), change(endpointType, res("a", "1"), res("b", "1"))}
	publish(t, s, all...)
	l := dial(t, s, aggregated, false)
	l.ask(clusterType, "", "")
	c := l.expect("CDS a@1")
	l.ask(endpointType, "", "", "a", "b")
	e := l.expect("EDS a@1 b@1")
	l.hangUp()

	for _, test := range []struct {
		name   string
		server func(t *testing.T) *Server
		want   []string
	}{
		{"same server", func(*testing.T) *Server { return s }, nil},
		{"another server", func(t *testing.T) *Server {
			s := newServer(t, nil)
			publish(t, s, all...)
			return s
		}, nil},
		{"another server that knows more", func(t *testing.T) *Server {
			s := newServer(t, nil)
			publish(t, s, all...)
			publish(t, s, change(endpointType, res("b", "2")))
			return s
		}, []string{"EDS a@1 b@2"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := dial(t, test.server(t), aggregated, false)
			l.t = t
			l.ask(clusterType, c.version, "")
			l.ask(endpointType, e.version, "", "a", "b")
			l.expect(test.want...)
		})
	}
}

// A server that was just started has nothing to say before it knows something.
func TestSotWReconnectBeforeFirstPublication(t *testing.T) {
	before := newServer(t, nil)
	publish(t, before, change(clusterType, res("a", "1")))
	l := dial(t, before, aggregated, false)
	l.ask(clusterType, "", "")
	r := l.expect("CDS a@1")

	s := newServer(t, nil)
	l = dial(t, s, aggregated, false)
	l.ask(clusterType, r.version, "")
	l.expect()
	publish(t, s, change(clusterType, res("a", "1")))
	l.expect()
	publish(t, s, change(clusterType, res("a", "2")))
	l.expect("CDS a@2")
}

func TestSotWNames(t *testing.T) {
	s := newServer(t, nil)
	long := strings.Repeat("x", maxNameBytes)
	publish(t, s, change(endpointType, res(long, "1"), res("ü/*", "1")))
	l := dial(t, s, endpoints, false)
	l.ask("", "", "", long, "ü/*", "ü/*")
	l.expect("EDS " + long + "@1 ü/*@1")
}
