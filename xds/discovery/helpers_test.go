package discovery

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	resourcev3 "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/protobuf/proto"
)

const (
	clusterType  = resourcev3.ClusterType
	endpointType = resourcev3.EndpointType
	listenerType = resourcev3.ListenerType
	routeType    = resourcev3.RouteType

	testView = "envoy"
)

func newServer(t testing.TB, edit func(*Options)) *Server {
	t.Helper()
	o := Options{View: func(*corev3.Node) string { return testView }}
	if edit != nil {
		edit(&o)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// res is a resource whose body says its version.
func res(name, version string) Resource {
	return Resource{Name: name, Body: []byte(name + "@" + version)}
}

func change(typeURL string, changed ...Resource) Change {
	return Change{TypeURL: typeURL, Changed: changed}
}

func removal(typeURL string, names ...string) Change {
	return Change{TypeURL: typeURL, Removed: names}
}

func publish(t testing.TB, s *Server, changes ...Change) {
	t.Helper()
	if err := s.Publish(testView, changes...); err != nil {
		t.Fatal(err)
	}
}

// line is a stream without gRPC: a request goes in, and what the server would
// send comes out, all in the test's goroutine.
type line struct {
	t      testing.TB
	stream *stream
	last   *reply
}

// dial opens a line for one type, or all with aggregated.
func dial(t testing.TB, s *Server, k kind, delta bool) *line {
	t.Helper()
	l := &line{t: t, stream: &stream{server: s, kind: k, delta: delta, since: time.Now(), wake: make(chan struct{}, 1)}}
	if err := s.enter(l.stream); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *line) hangUp() { l.stream.server.leave(l.stream) }

func (l *line) try(m proto.Message) error {
	l.t.Helper()
	encoded, err := proto.Marshal(m)
	if err != nil {
		l.t.Fatal(err)
	}
	return l.stream.take(context.Background(), encoded, time.Now())
}

func (l *line) request(m proto.Message) {
	l.t.Helper()
	if err := l.try(m); err != nil {
		l.t.Fatal(err)
	}
}

// node is whom the first request of a stream is from.
func node(id string) *corev3.Node { return &corev3.Node{Id: id, Cluster: "edge"} }

// ask sends a state-of-the-world request.
func (l *line) ask(typeURL, version, nonce string, names ...string) {
	l.t.Helper()
	l.request(&discoveryv3.DiscoveryRequest{
		Node: node("n1"), TypeUrl: typeURL, VersionInfo: version, ResponseNonce: nonce, ResourceNames: names,
	})
}

// deltaAsk sends an incremental request.
func (l *line) deltaAsk(typeURL, nonce string, subscribe, unsubscribe []string) {
	l.t.Helper()
	l.request(&discoveryv3.DeltaDiscoveryRequest{
		Node: node("n1"), TypeUrl: typeURL, ResponseNonce: nonce,
		ResourceNamesSubscribe: subscribe, ResourceNamesUnsubscribe: unsubscribe,
	})
}

func rejection(message string) *status.Status { return &status.Status{Code: 3, Message: message} }

// reply is a response of either protocol.
type reply struct {
	typeURL, version, nonce string
	bodies                  map[string]string // by name, "name" for "name@version"
	versions                map[string]string // delta only
	removed                 []string
}

// String is what tests compare: the type's last word, what it brings, what it removes.
func (r reply) String() string {
	text := shortType(r.typeURL)
	for _, name := range slices.Sorted(keys(r.bodies)) {
		text += " " + r.bodies[name]
	}
	for _, name := range r.removed {
		text += " -" + name
	}
	return text
}

func keys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func shortType(typeURL string) string {
	return map[string]string{clusterType: "CDS", endpointType: "EDS", listenerType: "LDS", routeType: "RDS"}[typeURL]
}

// next is the next response, or nil.
func (l *line) next() *reply {
	l.t.Helper()
	img := l.stream.next()
	if img == nil {
		return nil
	}
	r, err := parseReply(l.stream.delta, img.message)
	if err != nil {
		l.t.Fatal(err)
	}
	l.last = r
	return r
}

func parseReply(delta bool, message []byte) (*reply, error) {
	if !delta {
		var m discoveryv3.DiscoveryResponse
		if err := proto.Unmarshal(message, &m); err != nil {
			return nil, err
		}
		r := &reply{typeURL: m.TypeUrl, version: m.VersionInfo, nonce: m.Nonce, bodies: map[string]string{}}
		for _, a := range m.Resources {
			if a.TypeUrl != m.TypeUrl {
				return nil, fmt.Errorf("a %s in a response of %s", a.TypeUrl, m.TypeUrl)
			}
			r.bodies[nameOf(string(a.Value))] = string(a.Value)
		}
		return r, nil
	}
	var m discoveryv3.DeltaDiscoveryResponse
	if err := proto.Unmarshal(message, &m); err != nil {
		return nil, err
	}
	r := &reply{
		typeURL: m.TypeUrl, version: m.SystemVersionInfo, nonce: m.Nonce, removed: m.RemovedResources,
		bodies: map[string]string{}, versions: map[string]string{},
	}
	slices.Sort(r.removed)
	for _, res := range m.Resources {
		if res.Resource.TypeUrl != m.TypeUrl || nameOf(string(res.Resource.Value)) != res.Name {
			return nil, fmt.Errorf("resource %q is %v", res.Name, res.Resource)
		}
		r.bodies[res.Name] = string(res.Resource.Value)
		r.versions[res.Name] = res.Version
	}
	return r, nil
}

func nameOf(body string) string {
	for i := range len(body) {
		if body[i] == '@' {
			return body[:i]
		}
	}
	return body
}

// expect fails unless the server now sends exactly these responses; it returns
// the last one.
func (l *line) expect(want ...string) *reply {
	l.t.Helper()
	var last *reply
	for _, text := range want {
		r := l.next()
		if r == nil {
			l.t.Fatalf("no response, want %q", text)
		}
		if r.String() != text {
			l.t.Fatalf("response %q, want %q", r, text)
		}
		last = r
	}
	if r := l.next(); r != nil {
		l.t.Fatalf("response %q, want none", r)
	}
	return last
}

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

// opened is a line of its own server's client that has these resources, all of one
// type, which it has asked for by name where that is the custom.
func opened(t testing.TB, s *Server, delta bool, typeURL string, all ...Resource) *line {
	t.Helper()
	publish(t, s, change(typeURL, all...))
	l := dial(t, s, aggregated, delta)
	var names []string
	answer := shortType(typeURL)
	for _, r := range all {
		answer += " " + string(r.Body)
		if k, _ := kindOf(typeURL); !k.root() {
			names = append(names, r.Name)
		}
	}
	l.first(typeURL, names...)
	r := l.expect(answer)
	l.answer(r, "", r.version, names...)
	l.expect()
	return l
}
