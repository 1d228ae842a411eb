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
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// model is a client that follows the protocol, behind a network that delays:
// requests and responses cross each other. It cannot take bad bodies.
type model struct {
	t        *rapid.T
	server   *Server
	stream   *stream
	kind     kind
	delta    bool
	toServer []proto.Message
	toClient []*reply
	// inFlight is how many responses are neither acknowledged nor rejected.
	inFlight int

	wanted   map[string]bool // "*" among them
	has      map[string]string
	versions map[string]string
	version  string
	// dropped is whether names were: then has may be less than version says, and
	// the client must not name it on a new stream.
	dropped bool
	nonce   string
	started bool
	removed map[string]bool // delta: known to be absent
	// piecemeal is a client that takes what is good in a response that it rejects.
	piecemeal bool
	// alone are the bad bodies that came alone, since the client took another one of
	// the name or gave it up.
	alone map[string]bool
}

// bad is a body that no client can take.
func bad(body string) bool { return strings.HasSuffix(body, "!") }

func (m *model) connect() {
	if m.stream != nil {
		m.server.leave(m.stream)
	}
	m.stream = &stream{server: m.server, kind: aggregated, delta: m.delta, since: time.Now(), wake: make(chan struct{}, 1)}
	if err := m.server.enter(m.stream); err != nil {
		m.t.Fatal(err)
	}
	m.toServer, m.toClient, m.inFlight, m.nonce, m.started = nil, nil, 0, "", false
	m.removed, m.alone = map[string]bool{}, map[string]bool{}
	if m.dropped {
		m.version, m.dropped = "", false
	}
	m.say(nil, nil, "", false)
}

// say sends a request. Like any client, it stays silent before it wants anything.
func (m *model) say(subscribe, unsubscribe []string, nonce string, reject bool) {
	if !m.started && len(m.wanted) == 0 {
		return
	}
	if m.delta {
		r := &discoveryv3.DeltaDiscoveryRequest{
			TypeUrl: m.kind.typeURL(), ResponseNonce: nonce,
			ResourceNamesSubscribe: subscribe, ResourceNamesUnsubscribe: unsubscribe,
		}
		if !m.started {
			r.Node, r.InitialResourceVersions = node("model"), maps.Clone(m.versions)
			r.ResourceNamesSubscribe = slices.Sorted(maps.Keys(m.wanted))
			r.ResourceNamesUnsubscribe = nil
		}
		if reject {
			r.ErrorDetail = rejection("no")
		}
		m.toServer = append(m.toServer, r)
	} else {
		r := &discoveryv3.DiscoveryRequest{
			Node: node("model"), TypeUrl: m.kind.typeURL(), VersionInfo: m.version,
			ResponseNonce: m.nonce, ResourceNames: slices.Sorted(maps.Keys(m.wanted)),
		}
		if reject {
			r.ErrorDetail = rejection("no")
		}
		m.toServer = append(m.toServer, r)
	}
	m.started = true
}

func (m *model) covers(name string) bool { return m.wanted["*"] || m.wanted[name] }

func (m *model) subscribe(name string) {
	m.wanted[name] = true
	m.say([]string{name}, nil, "", false)
}

func (m *model) unsubscribe(name string) {
	if !m.wanted[name] {
		return
	}
	delete(m.wanted, name)
	clear(m.alone)
	// A client forgets what it has unsubscribed from; in the delta protocol, which
	// has a word for that, even under a wildcard.
	for had := range m.has {
		if m.delta && had == name || !m.covers(had) {
			delete(m.has, had)
			delete(m.versions, had)
		}
	}
	m.dropped = true
	m.say(nil, []string{name}, "", false)
}

// deliver lets the server take one request.
func (m *model) deliver() bool {
	if len(m.toServer) == 0 {
		return false
	}
	encoded, err := proto.Marshal(m.toServer[0])
	if err != nil {
		m.t.Fatal(err)
	}
	m.toServer = m.toServer[1:]
	if err := m.stream.take(m.t.Context(), encoded, time.Now()); err != nil {
		m.t.Fatal(err)
	}
	return true
}

// emit lets the server send one response.
func (m *model) emit() bool {
	img := m.stream.next()
	if img == nil {
		return false
	}
	r, err := parseReply(m.delta, img.message)
	if err != nil {
		m.t.Fatal(err)
	}
	if m.inFlight++; m.inFlight > 1 {
		m.t.Fatalf("%d responses in flight", m.inFlight)
	}
	m.toClient = append(m.toClient, r)
	return true
}

// accept lets the client read one response and answer it. It rejects what is bad
// in any case.
func (m *model) accept(reject bool) bool {
	if len(m.toClient) == 0 {
		return false
	}
	r := m.toClient[0]
	m.toClient = m.toClient[1:]
	m.inFlight--
	m.nonce = r.nonce
	spoiled := m.spoiled(r)
	switch {
	case spoiled && m.piecemeal:
		m.take(r)
	case !spoiled && !reject:
		m.take(r)
		m.version = r.version
	}
	m.say(nil, nil, r.nonce, reject || spoiled)
	return true
}

// spoiled is whether there is something bad in a response. That comes alone once.
func (m *model) spoiled(r *reply) bool {
	spoiled := false
	for name, body := range r.bodies {
		if !bad(body) || !m.covers(name) {
			continue
		}
		spoiled = true
		if len(r.bodies)+len(r.removed) > 1 || m.whole() {
			continue
		}
		if m.alone[body] {
			m.t.Fatalf("%s comes alone once more", body)
		}
		m.alone[body] = true
	}
	return spoiled
}

// whole is whether responses are complete, so that nothing can be left out.
func (m *model) whole() bool { return m.kind.root() && !m.delta }

// take takes what is good in a response.
func (m *model) take(r *reply) {
	had := maps.Clone(m.has)
	if m.whole() {
		clear(m.has)
	}
	for name, body := range r.bodies {
		switch {
		case !m.covers(name):
		case !bad(body):
			m.has[name], m.versions[name] = body, r.versions[name]
			delete(m.removed, name)
			maps.DeleteFunc(m.alone, func(b string, _ bool) bool { return nameOf(b) == name })
		case m.whole() && had[name] != "":
			m.has[name] = had[name]
		}
	}
	for _, name := range r.removed {
		delete(m.has, name)
		delete(m.versions, name)
		m.removed[name] = true
		maps.DeleteFunc(m.alone, func(b string, _ bool) bool { return nameOf(b) == name })
	}
}

// settle lets everything happen that can.
func (m *model) settle() {
	for steps := 0; m.deliver() || m.emit() || m.accept(false); steps++ {
		if steps > 1000 {
			m.t.Fatal("client and server talk for ever")
		}
	}
}

// check compares what the client has with what is published. Of bad bodies it has
// what it had before.
func (m *model) check(published map[string]string) {
	has, want := maps.Clone(m.has), map[string]string{}
	for name, body := range published {
		switch {
		case bad(body) && m.whole():
			return // that may have kept anything from it
		case bad(body):
			delete(has, name)
		case m.covers(name):
			want[name] = body
		}
	}
	if !m.delta && !m.kind.root() {
		// Removal cannot be said: the client keeps the last that it had.
		maps.DeleteFunc(has, func(name, _ string) bool { return published[name] == "" })
	}
	if diff := cmp.Diff(want, has); diff != "" {
		m.t.Fatalf("the client has something else (-published +client):\n%s", diff)
	}
	if !m.delta || !m.started {
		return
	}
	for name := range m.wanted {
		if name != "*" && published[name] == "" && !m.removed[name] && m.server.view(testView).snapshot.Load().sets[m.kind] != nil {
			m.t.Fatalf("the client waits for %q, which does not exist", name)
		}
	}
}

// Whatever happens before: once nobody rejects what is good and all is said, a
// client has exactly what the server has of what it wants, whatever is bad beside
// it.
func TestClientsEndWithWhatWasPublished(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	rapid.Check(t, func(t *rapid.T) {
		s, err := New(Options{View: func(*corev3.Node) string { return testView }})
		if err != nil {
			t.Fatal(err)
		}
		m := &model{
			t: t, server: s, delta: rapid.Bool().Draw(t, "delta"),
			kind:   rapid.SampledFrom([]kind{clusters, endpoints}).Draw(t, "kind"),
			wanted: map[string]bool{}, has: map[string]string{}, versions: map[string]string{},
			piecemeal: rapid.Bool().Draw(t, "piecemeal"),
		}
		m.connect()
		published := map[string]string{}
		serial := 0
		spoils := rapid.Bool().Draw(t, "spoils")
		put := func(name string, stays bool) {
			c := Change{TypeURL: m.kind.typeURL()}
			if stays {
				serial++
				// Old versions come back, too.
				version := fmt.Sprint(rapid.IntRange(max(0, serial-3), serial).Draw(t, "version"))
				if spoils && rapid.IntRange(0, 2).Draw(t, "bad") == 0 {
					version += "!"
				}
				c.Changed = []Resource{res(name, version)}
				published[name] = name + "@" + version
			} else {
				c.Removed = []string{name}
				delete(published, name)
			}
			if err := s.Publish(testView, c); err != nil {
				t.Fatal(err)
			}
		}
		name := rapid.SampledFrom(names)
		// Both cover up other faults: each is left out of half the runs.
		rejects, reconnects := rapid.Bool().Draw(t, "rejects"), rapid.Bool().Draw(t, "reconnects")
		rejections := false
		t.Repeat(map[string]func(*rapid.T){
			"change":      func(*rapid.T) { put(name.Draw(t, "name"), true) },
			"remove":      func(*rapid.T) { put(name.Draw(t, "name"), false) },
			"subscribe":   func(*rapid.T) { m.subscribe(rapid.SampledFrom(append(names, "*")).Draw(t, "name")) },
			"unsubscribe": func(*rapid.T) { m.unsubscribe(rapid.SampledFrom(append(names, "*")).Draw(t, "name")) },
			"deliver":     func(*rapid.T) { m.deliver() },
			"emit":        func(*rapid.T) { m.emit() },
			"accept":      func(*rapid.T) { m.accept(false) },
			"reject":      func(*rapid.T) { rejections = rejects && m.accept(true) || rejections },
			"reconnect": func(*rapid.T) {
				if reconnects {
					m.connect()
				}
			},
		})
		m.settle()
		if rejections { // what was rejected waits for another version
			for _, name := range names {
				serial += 10
				put(name, true)
			}
			m.settle()
		}
		m.check(published)
		spoils = false
		for _, name := range names {
			serial += 10
			put(name, true)
		}
		m.settle()
		m.check(published)
	})
}
