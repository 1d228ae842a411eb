package discovery

import (
	"testing"

	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
)

func TestDeltaSubscriptions(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(endpointType, res("a", "1"), res("b", "1"), res("c", "1")))
	l := dial(t, s, aggregated, true)

	// What does not exist is said not to.
	l.deltaAsk(endpointType, "", []string{"a", "none"}, nil)
	r := l.expect("EDS a@1 -none")
	l.deltaAsk(endpointType, r.nonce, nil, nil)
	l.expect()
	l.deltaAsk(endpointType, "", []string{"b"}, nil)
	r = l.expect("EDS b@1")
	l.deltaAsk(endpointType, r.nonce, nil, nil)

	// A name that is subscribed to again is sent again.
	l.deltaAsk(endpointType, "", []string{"a", "none"}, nil)
	r = l.expect("EDS a@1 -none")
	l.deltaAsk(endpointType, r.nonce, nil, nil)
	l.expect()

	l.deltaAsk(endpointType, "", nil, []string{"a"})
	l.expect()
	publish(t, s, change(endpointType, res("a", "2"), res("c", "2"), res("none", "1")), removal(routeType))
	r = l.expect("EDS none@1")
	l.deltaAsk(endpointType, r.nonce, []string{"a"}, nil)
	r = l.expect("EDS a@2")
	l.deltaAsk(endpointType, r.nonce, nil, nil)

	publish(t, s, removal(endpointType, "a", "c", "never"))
	l.expect("EDS -a")
}

func TestDeltaWildcard(t *testing.T) {
	for _, test := range []struct {
		name   string
		first  []string
		answer string
	}{
		{"legacy", nil, "CDS a@1 b@1"},
		{"explicit", []string{"*"}, "CDS a@1 b@1"},
		{"explicit with names", []string{"*", "a", "none"}, "CDS a@1 b@1 -none"},
		{"names", []string{"b"}, "CDS b@1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, nil)
			publish(t, s, change(clusterType, res("a", "1"), res("b", "1")))
			l := dial(t, s, aggregated, true)
			l.deltaAsk(clusterType, "", test.first, nil)
			r := l.expect(test.answer)
			l.deltaAsk(clusterType, r.nonce, nil, nil)
			l.expect()
		})
	}
}

func TestDeltaWildcardEnds(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(clusterType, res("a", "1"), res("b", "1")))
	l := dial(t, s, aggregated, true)
	l.deltaAsk(clusterType, "", nil, nil)
	r := l.expect("CDS a@1 b@1")
	l.deltaAsk(clusterType, r.nonce, []string{"a"}, nil)
	r = l.expect("CDS a@1")

	// What is unsubscribed under a wildcard is told anew: the client forgot it.
	l.deltaAsk(clusterType, r.nonce, nil, []string{"a"})
	r = l.expect("CDS a@1")
	l.deltaAsk(clusterType, r.nonce, []string{"b"}, []string{"*"})
	r = l.expect("CDS b@1")
	l.deltaAsk(clusterType, r.nonce, nil, nil)
	publish(t, s, change(clusterType, res("a", "2"), res("b", "2")))
	l.expect("CDS b@2")
}

func TestDeltaEmptyViewIsAnAnswer(t *testing.T) {
	s := newServer(t, nil)
	l := dial(t, s, aggregated, true)
	l.deltaAsk(clusterType, "", nil, nil)
	l.expect()
	publish(t, s, Change{TypeURL: clusterType})
	if len(l.stream.wake) == 0 {
		t.Error("the stream was not woken")
	}
	r := l.expect("CDS")
	l.deltaAsk(clusterType, r.nonce, nil, nil)
	l.expect()
}

func TestDeltaReconnect(t *testing.T) {
	all := []Change{change(endpointType, res("a", "1"), res("b", "1"))}
	s := newServer(t, nil)
	publish(t, s, all...)
	l := dial(t, s, aggregated, true)
	l.deltaAsk(endpointType, "", []string{"a", "b"}, nil)
	versions := l.expect("EDS a@1 b@1").versions

	for _, test := range []struct {
		name      string
		wildcard  bool
		has       map[string]string
		published []Change
		want      []string
	}{
		{"everything", false, versions, nil, nil},
		{"one is old", false, map[string]string{"a": versions["a"], "b": "0"}, nil, []string{"EDS b@1"}},
		{"one has changed", false, versions, []Change{change(endpointType, res("a", "2"))}, []string{"EDS a@2"}},
		{"one has gone", false, versions, []Change{removal(endpointType, "a")}, []string{"EDS -a"}},
		{"one is missing", false, map[string]string{"b": versions["b"]}, nil, []string{"EDS a@1"}},
		{"one is not subscribed to", false, map[string]string{"a": versions["a"], "b": versions["b"], "x": "1"}, nil, nil},
		{"wildcard, one has gone", true, map[string]string{"a": versions["a"], "b": versions["b"], "x": "1"}, nil, []string{"EDS -x"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newServer(t, nil) // as after a restart
			publish(t, s, all...)
			publish(t, s, test.published...)
			l := dial(t, s, aggregated, true)
			names := []string{"a", "b"}
			if test.wildcard {
				names = []string{"*"}
			}
			l.request(&discoveryv3.DeltaDiscoveryRequest{
				Node: node("n1"), TypeUrl: endpointType, ResourceNamesSubscribe: names, InitialResourceVersions: test.has,
			})
			l.expect(test.want...)
			if acked := s.Nodes()[0].Types[0].Acked; (acked != "") != (test.want == nil) {
				t.Errorf("acknowledged: %q", acked)
			}
		})
	}
}

func TestDeltaStaleNonce(t *testing.T) {
	s := newServer(t, nil)
	publish(t, s, change(endpointType, res("a", "1"), res("b", "1")))
	l := dial(t, s, aggregated, true)
	l.deltaAsk(endpointType, "", []string{"a"}, nil)
	r := l.expect("EDS a@1")

	// Subscriptions count, whatever the nonce; ACKs only with the right one.
	l.deltaAsk(endpointType, "nonsense", []string{"b"}, nil)
	l.request(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: endpointType, ResponseNonce: "nonsense", ErrorDetail: rejection("no")})
	l.expect()
	if n := s.Nodes()[0].Types[0]; n.Rejected != nil || !n.InFlight || n.Subscribed != 2 {
		t.Errorf("status %+v", n)
	}
	l.deltaAsk(endpointType, r.nonce, nil, nil)
	l.expect("EDS b@1")
}

// A name that is asked for again while a response without it is in flight.
func TestDeltaAskedAgainWhileInFlight(t *testing.T) {
	s := newServer(t, nil)
	l := opened(t, s, true, endpointType, res("a", "1"), res("b", "1"))
	publish(t, s, change(endpointType, res("a", "2")))
	r := l.expect("EDS a@2")
	l.deltaAsk(endpointType, "", nil, []string{"b"})
	l.deltaAsk(endpointType, "", []string{"b"}, nil)
	l.deltaAsk(endpointType, r.nonce, nil, nil)
	l.expect("EDS b@1")
}

func TestVersionsAreOfContent(t *testing.T) {
	plain := newItem(Resource{Name: "a", Body: []byte("x")})
	basis := newItem(Resource{Name: "a", Body: []byte("x"), Basis: []byte("cluster")})
	other := newItem(Resource{Name: "a", Body: []byte("x"), Basis: []byte("cluster 2")})
	if plain.version == basis.version || basis.version == other.version {
		t.Error("a basis makes no difference")
	}
	// A change of this makes every client of an older server be sent everything.
	got := []string{formatVersion(plain.version), formatVersion(basis.version)}
	if diff := cmp.Diff([]string{"5c80c09683041123", "e123dc79e8f5facb"}, got); diff != "" {
		t.Error(diff)
	}
	if v, ok := parseVersion(got[0]); !ok || v != plain.version {
		t.Errorf("version %s reads %x, %v", got[0], v, ok)
	}
	if _, ok := parseVersion("+0000000000000a1"); ok {
		t.Error("a sign is no version")
	}
}
