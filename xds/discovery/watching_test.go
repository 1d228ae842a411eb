package discovery

import (
	"fmt"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/google/go-cmp/cmp"
)

// summary is who watches a resource and how that stands: "n1 has it", "n1 due",
// "n1 rejects it: why".
func summary(s *Server, typeURL, name string) []string {
	list := []string{}
	for _, w := range s.Watching(testView, typeURL, name) {
		text := w.Node
		if w.Acked() != "" {
			text += " has one"
		}
		if w.Due {
			text += " due"
		}
		if w.Rejected != nil {
			text += " rejects: " + w.Rejected.Error
		}
		list = append(list, text)
	}
	return list
}

func TestWatching(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := dial(t, s, aggregated, delta)
		l.first(endpointType, "a", "b", "c")
		check := func(when string, want map[string]string) {
			t.Helper()
			for name, w := range want {
				list := []string{w}
				if w == "" {
					list = []string{}
				}
				if diff := cmp.Diff(list, summary(s, endpointType, name)); diff != "" {
					t.Errorf("%s: %s (-want +got):\n%s", when, name, diff)
				}
			}
		}
		check("before anything is published", map[string]string{"a": "n1", "x": ""})
		publish(t, s, change(endpointType, res("a", "1"), res("b", "1"), res("x", "1")))
		check("published", map[string]string{"a": "n1 due", "b": "n1 due", "x": ""})
		r := l.next()
		check("sent", map[string]string{"a": "n1 due", "b": "n1 due", "x": ""})
		l.answer(r, "", r.version, "a", "b", "c")
		check("acknowledged", map[string]string{"a": "n1 has one", "b": "n1 has one", "c": "n1", "x": ""})
		publish(t, s, change(endpointType, res("b", "2")))
		check("changed", map[string]string{"a": "n1 has one", "b": "n1 has one due"})
		l.answer(l.next(), "no", r.version, "a", "b", "c")
		check("rejected", map[string]string{"a": "n1 has one", "b": "n1 has one rejects: no"})
		publish(t, s, change(endpointType, res("b", "3")))
		check("the next version", map[string]string{"a": "n1 has one", "b": "n1 has one due"})
		publish(t, s, change(endpointType, res("b", "1")))
		check("taken back", map[string]string{"a": "n1 has one", "b": "n1 has one"})
		publish(t, s, change(endpointType, res("a", "4"), res("b", "4"), res("c", "4")))
		r = l.expect("EDS a@4 c@4")
		l.answer(r, "one of you", r.version, "a", "b", "c")
		check("rejected together", map[string]string{
			"a": "n1 due rejects: one of you", "b": "n1 has one due", "c": "n1 due rejects: one of you",
		})
		since := s.Watching(testView, endpointType, "a")[0].Unanswered
		if !since.IsZero() {
			t.Errorf("unanswered since %v with nothing to answer", since)
		}
		l.next()
		since = s.Watching(testView, endpointType, "a")[0].Unanswered
		publish(t, s, change(endpointType, res("a", "5"), res("b", "5"), res("c", "5")))
		l.expect()
		if got := s.Watching(testView, endpointType, "a")[0].Unanswered; since.IsZero() || got != since {
			t.Errorf("unanswered since %v, and after a new version since %v", since, got)
		}
		l.hangUp()
		check("gone", map[string]string{"a": ""})
	})
}

func TestWatchingEverything(t *testing.T) {
	both(t, func(t *testing.T, delta bool) {
		s := newServer(t, nil)
		l := opened(t, s, delta, clusterType, res("a", "1"), res("b", "1"))
		publish(t, s, change(clusterType, res("a", "2")))
		for name, want := range map[string]string{"a": "n1 has one due", "b": "n1 has one", "none": "n1"} {
			if diff := cmp.Diff([]string{want}, summary(s, clusterType, name)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", name, diff)
			}
		}
		l.answer(l.next(), "no", "")
		if diff := cmp.Diff([]string{"n1 has one rejects: no"}, summary(s, clusterType, "a")); diff != "" {
			t.Error(diff)
		}
		if s.Watching(testView, "no such type", "a") != nil || s.Unknown(testView, "no such type", 1) != nil {
			t.Error("somebody watches what is not served")
		}
	})
}

func TestUnknownNames(t *testing.T) {
	s := newServer(t, func(o *Options) {
		o.Observer = func(n *corev3.Node) bool { return strings.HasPrefix(n.Id, "look") }
	})
	from := func(id string, names ...string) {
		l := dial(t, s, aggregated, true)
		l.request(&discoveryv3.DeltaDiscoveryRequest{Node: node(id), TypeUrl: endpointType, ResourceNamesSubscribe: names})
	}
	from("n2", "a", "typo", "z1", "z2")
	from("n1", "a", "typo", "zz")
	from("look", "a", "observed")
	if got := s.Unknown(testView, endpointType, 3); got != nil {
		t.Errorf("before anything is published: %v", got)
	}
	publish(t, s, change(endpointType, res("a", "1"), res("b", "1")))
	want := []Unknown{{"typo", "n1"}, {"z1", "n2"}, {"z2", "n2"}}
	if diff := cmp.Diff(want, s.Unknown(testView, endpointType, 3)); diff != "" {
		t.Error(diff)
	}
	if n := s.Connected(testView); n != 2 {
		t.Errorf("%d clients are connected, want 2", n)
	}
	if n := s.Connected("another view"); n != 0 {
		t.Errorf("%d clients of another view are connected", n)
	}
}

// BenchmarkWatching is the question of one pool among a hundred, whose clients all
// ask for all.
func BenchmarkWatching(b *testing.B) {
	const clients, pools = 1000, 100
	s := newServer(b, nil)
	var list []Resource
	var names []string
	for n := range pools {
		names = append(names, fmt.Sprint("cluster-", n))
		list = append(list, res(names[n], "1"))
	}
	publish(b, s, change(endpointType, list...))
	for n := range clients {
		l := dial(b, s, aggregated, false)
		l.request(&discoveryv3.DiscoveryRequest{Node: node(fmt.Sprint("n", n)), TypeUrl: endpointType, ResourceNames: names})
		r := l.next()
		l.answer(r, "", r.version, names...)
	}
	b.ReportAllocs()
	began := time.Now()
	for b.Loop() {
		if list, of := s.Lagging(testView, endpointType, names[7]); of != clients || len(list) != 0 {
			b.Fatalf("%d watch it, %d lag", of, len(list))
		}
	}
	b.ReportMetric(float64(time.Since(began).Nanoseconds())/float64(b.N)/clients, "ns/client")
}
