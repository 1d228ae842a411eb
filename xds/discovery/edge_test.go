package discovery

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// edge is a client that routes as Envoy does: a cluster is of use once it has had
// its endpoints, and acknowledged then. Bodies of listeners name a route, bodies of
// routes a cluster.
type edge struct {
	t        *rapid.T
	stream   *stream
	toServer []proto.Message
	toClient []*reply

	has      [kinds]map[string]string
	ready    map[string]bool // clusters
	asked    [kinds][]string
	opened   [kinds]bool
	nonces   [kinds]string
	versions [kinds]string // versions
	// clusters is a response that is acknowledged when all clusters are ready.
	clusters *reply
}

func newEdge(t *rapid.T, s *Server, delta bool) *edge {
	e := &edge{t: t, ready: map[string]bool{}}
	for k := range e.has {
		e.has[k] = map[string]string{}
	}
	e.stream = &stream{server: s, kind: aggregated, delta: delta, since: time.Now(), wake: make(chan struct{}, 1)}
	if err := s.enter(e.stream); err != nil {
		t.Fatal(err)
	}
	e.ask(clusters, nil, "")
	return e
}

// ask subscribes, acknowledges, or both.
func (e *edge) ask(k kind, names []string, nonce string) {
	var m proto.Message
	if e.stream.delta {
		r := &discoveryv3.DeltaDiscoveryRequest{Node: node("edge"), TypeUrl: k.typeURL(), ResponseNonce: nonce}
		for _, name := range names {
			if !slices.Contains(e.asked[k], name) {
				r.ResourceNamesSubscribe = append(r.ResourceNamesSubscribe, name)
			}
		}
		for _, name := range e.asked[k] {
			if !slices.Contains(names, name) {
				r.ResourceNamesUnsubscribe = append(r.ResourceNamesUnsubscribe, name)
			}
		}
		m = r
	} else {
		m = &discoveryv3.DiscoveryRequest{
			Node: node("edge"), TypeUrl: k.typeURL(), ResourceNames: names,
			ResponseNonce: e.nonces[k], VersionInfo: e.versions[k],
		}
	}
	e.asked[k], e.opened[k] = names, true
	e.toServer = append(e.toServer, m)
}

// want asks for the names that are referred to.
func (e *edge) want(k kind, names []string) {
	if (e.opened[k] || len(names) > 0) && !slices.Equal(names, e.asked[k]) {
		e.ask(k, names, "")
	}
}

func (e *edge) deliver() bool {
	if len(e.toServer) == 0 {
		return false
	}
	encoded, err := proto.Marshal(e.toServer[0])
	if err != nil {
		e.t.Fatal(err)
	}
	e.toServer = e.toServer[1:]
	if err := e.stream.take(e.t.Context(), encoded, time.Now()); err != nil {
		e.t.Fatal(err)
	}
	return true
}

func (e *edge) emit() bool {
	img := e.stream.next()
	if img == nil {
		return false
	}
	r, err := parseReply(e.stream.delta, img.message)
	if err != nil {
		e.t.Fatal(err)
	}
	e.toClient = append(e.toClient, r)
	return true
}

func (e *edge) read() bool {
	if len(e.toClient) == 0 {
		return false
	}
	r := e.toClient[0]
	e.toClient = e.toClient[1:]
	k, _ := kindOf(r.typeURL)
	if k.root() && !e.stream.delta {
		clear(e.has[k])
	}
	maps.Copy(e.has[k], r.bodies)
	for _, name := range r.removed {
		delete(e.has[k], name)
		if k == endpoints && e.has[clusters][name] != "" {
			e.ready[name] = true // without endpoints is an answer, too
		}
	}
	e.nonces[k], e.versions[k] = r.nonce, r.version
	switch k {
	case clusters:
		e.clusters = r
		maps.DeleteFunc(e.ready, func(name string, _ bool) bool { return e.has[clusters][name] == "" })
		e.want(endpoints, slices.Sorted(maps.Keys(e.has[clusters])))
	case endpoints:
		for name := range r.bodies {
			if e.has[clusters][name] != "" {
				e.ready[name] = true
			}
		}
		e.ask(k, e.asked[k], r.nonce)
	case listeners:
		var names []string
		for _, body := range e.has[listeners] {
			names = append(names, referred(body))
		}
		slices.Sort(names)
		names = slices.Compact(names)
		maps.DeleteFunc(e.has[routes], func(name, _ string) bool { return !slices.Contains(names, name) })
		e.ask(k, nil, r.nonce)
		e.want(routes, names)
	case routes:
		e.ask(k, e.asked[k], r.nonce)
	}
	if e.clusters != nil && len(e.ready) == len(e.has[clusters]) {
		e.ask(clusters, nil, e.clusters.nonce)
		e.clusters = nil
		if !e.opened[listeners] {
			e.ask(listeners, nil, "")
		}
	}
	e.check()
	return true
}

func referred(body string) string {
	_, reference, _ := strings.Cut(body, "@")
	return reference
}

// check is what a user sees: a route whose cluster is of no use is an error for
// each request.
func (e *edge) check() {
	for _, body := range e.has[listeners] {
		route, served := e.has[routes][referred(body)]
		if served && !e.ready[referred(route)] {
			e.t.Fatalf("route %q leads nowhere: clusters %v, of use %v", route, e.has[clusters], e.ready)
		}
	}
}

func (e *edge) settle() {
	for steps := 0; e.deliver() || e.emit() || e.read(); steps++ {
		if steps > 1000 {
			e.t.Fatal("client and server talk for ever")
		}
	}
}

// Whatever is published, and however late a client reads and answers: as long as
// each publication is sound in itself, no route leads nowhere on the way from one
// to another.
func TestNoRouteLeadsNowhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, err := New(Options{View: func(*corev3.Node) string { return testView }})
		if err != nil {
			t.Fatal(err)
		}
		var published [kinds]map[string]string
		reload := func(*rapid.T) {
			var next [kinds]map[string]string
			for k := range next {
				next[k] = map[string]string{}
			}
			for n := range rapid.IntRange(0, 3).Draw(t, "listeners") {
				cluster := rapid.SampledFrom([]string{"c1", "c2", "c3", "c4"}).Draw(t, "cluster")
				route := fmt.Sprint("r", n)
				next[listeners][fmt.Sprint("l", n)] = fmt.Sprintf("l%d@%s", n, route)
				next[routes][route] = route + "@" + cluster
				version := fmt.Sprint(rapid.IntRange(1, 2).Draw(t, "version"))
				next[clusters][cluster] = cluster + "@" + version
				next[endpoints][cluster] = cluster + "@" + version
			}
			var changes []Change
			for k := range kinds {
				c := Change{TypeURL: k.typeURL()}
				for name, body := range next[k] {
					c.Changed = append(c.Changed, Resource{Name: name, Body: []byte(body), Basis: []byte(next[clusters][name])})
				}
				for name := range published[k] {
					if next[k][name] == "" {
						c.Removed = append(c.Removed, name)
					}
				}
				changes = append(changes, c)
			}
			if err := s.Publish(testView, changes...); err != nil {
				t.Fatal(err)
			}
			published = next
		}
		reload(t)
		e := newEdge(t, s, rapid.Bool().Draw(t, "delta"))
		t.Repeat(map[string]func(*rapid.T){
			"reload":  reload,
			"deliver": func(*rapid.T) { e.deliver() },
			"emit":    func(*rapid.T) { e.emit() },
			"read":    func(*rapid.T) { e.read() },
			"settle":  func(*rapid.T) { e.settle() },
		})
		e.settle()
		for k := range kinds {
			for name, body := range published[k] {
				if e.has[k][name] != body {
					t.Fatalf("%s %q is %q, want %q", shortType(k.typeURL()), name, e.has[k][name], body)
				}
			}
			if k.root() && len(e.has[k]) != len(published[k]) {
				t.Fatalf("%s %v, want %v", shortType(k.typeURL()), e.has[k], published[k])
			}
		}
	})
}
