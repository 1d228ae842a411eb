package haproxy

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// roster keeps the newest list of a backend's members.
func roster(t *testing.T, b *Backend) (newest func() []scorer.Backend) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	lists := make(chan []scorer.Backend)
	var list atomic.Pointer[[]scorer.Backend]
	done := make(chan struct{})
	go func() { _ = b.Members().Run(ctx, lists) }()
	go func() {
		defer close(done)
		for {
			select {
			case l := <-lists:
				list.Store(&l)
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return func() []scorer.Backend {
		if l := list.Load(); l != nil {
			return *l
		}
		return nil
	}
}

func wantMembers(t *testing.T, newest func() []scorer.Backend, what string, want ...scorer.Backend) {
	t.Helper()
	until(t, eventually, func() error {
		if diff := cmp.Diff(want, newest()); diff != "" {
			return fmt.Errorf("%s: (-want +got)\n%s", what, diff)
		}
		return nil
	})
}

func member(name, address string, c scorer.Condition) scorer.Backend {
	return scorer.Backend{Name: name, Address: address, Capacity: 100, Condition: c}
}

func tell(t *testing.T, in *instance.Instance, commands ...string) {
	t.Helper()
	for _, c := range commands {
		if reply := ask(t, in, c); reply != "" && !strings.Contains(reply, "changed") && !strings.Contains(reply, "New server registered") &&
			!strings.Contains(reply, "deleted") && !strings.Contains(reply, "no need to change") {
			t.Fatalf("%q: %s", c, reply)
		}
	}
}

func TestSlotsOfATemplateAreFollowed(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := start(t, instance.Options{
			Binary: binary,
			Config: preamble + "backend ws\n  balance leastconn\n  server-template slot 3 127.0.0.1:1 weight 100 disabled\n",
		})
		p := newProxy(t, Config{Socket: in.Socket()})
		b := p.Backend("ws")
		run(t, p)
		newest := roster(t, b)
		const nobody = "127.0.0.1:1"
		wantMembers(t, newest, "empty slots", member("slot1", nobody, scorer.Down), member("slot2", nobody, scorer.Down), member("slot3", nobody, scorer.Down))
		plan := static(map[string]float64{"slot1": 1, "slot2": 0.1, "slot3": 1})
		apply(t, b, plan)
		for _, slot := range []string{"ws/slot1", "ws/slot2", "ws/slot3"} {
			if err := wantWeight(t, in, slot, 100); err != nil {
				t.Errorf("in maintenance: %v", err)
			}
		}

		tell(t, in, "set server ws/slot2 addr 127.0.0.2 port 8080", "set server ws/slot2 state ready")
		wantMembers(t, newest, "one is taken", member("slot1", nobody, scorer.Down), member("slot2", "127.0.0.2:8080", scorer.Up), member("slot3", nobody, scorer.Down))
		// The plan's word on a server that was out is the weight to begin with.
		until(t, eventually, func() error {
			if got := weightOf(t, in, "ws/slot2"); got >= 100 {
				return fmt.Errorf("weight %d", got)
			}
			return nil
		})
		tell(t, in, "set server ws/slot2 addr 127.0.0.3 port 8080")
		wantMembers(t, newest, "it moves", member("slot1", nobody, scorer.Down), member("slot2", "127.0.0.3:8080", scorer.Up), member("slot3", nobody, scorer.Down))
		tell(t, in, "set server ws/slot2 state maint")
		wantMembers(t, newest, "it is given back", member("slot1", nobody, scorer.Down), member("slot2", "127.0.0.3:8080", scorer.Down), member("slot3", nobody, scorer.Down))
	})
}

func TestServersThatAreAddedAndDeletedAreFollowed(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, 1)
		p := newProxy(t, Config{Socket: in.Socket()})
		b := p.Backend("ws")
		run(t, p)
		newest := roster(t, b)
		first := member("s1", "127.0.0.1:1", scorer.Up)
		wantMembers(t, newest, "at first", first)
		tell(t, in, "add server ws/new 127.0.0.2:80 weight 100")
		wantMembers(t, newest, "added", first, member("new", "127.0.0.2:80", scorer.Down))
		apply(t, b, static(map[string]float64{"s1": 1, "new": 0.1}))
		if err := wantWeight(t, in, "ws/new", 100); err != nil {
			t.Errorf("added, in maintenance: %v", err)
		}
		tell(t, in, "set server ws/new state ready")
		wantMembers(t, newest, "put to work", first, member("new", "127.0.0.2:80", scorer.Up))
		until(t, eventually, func() error {
			if got, of := weightOf(t, in, "ws/new"), weightOf(t, in, "ws/s1"); got*10 != of {
				return fmt.Errorf("weight %d beside %d", got, of)
			}
			return nil
		})
		tell(t, in, "set server ws/new state maint", "del server ws/new")
		wantMembers(t, newest, "deleted", first)
		// Another one of the same name has nothing of it.
		tell(t, in, "add server ws/new 127.0.0.3:80 weight 50", "set server ws/new state ready")
		wantMembers(t, newest, "added again", first, scorer.Backend{Name: "new", Address: "127.0.0.3:80", Capacity: 50, Condition: scorer.Up})
	})
}

func TestHealthChecksAreFollowed(t *testing.T) {
	var own atomic.Int32
	onEach(t, func(t *testing.T, binary string) {
		// At an address of its own, where nobody else takes the port meanwhile.
		l, err := net.Listen("tcp", fmt.Sprintf("127.77.5.%d:0", own.Add(1)))
		if err != nil {
			t.Fatal(err)
		}
		address := l.Addr().String()
		in := start(t, instance.Options{
			Binary: binary,
			Config: preamble + "backend ws\n  balance leastconn\n  server s1 " + address + " weight 100 check inter 50ms fall 2 rise 2\n",
		})
		p := newProxy(t, Config{Socket: in.Socket()})
		b := p.Backend("ws")
		run(t, p)
		newest := roster(t, b)
		wantMembers(t, newest, "listening", member("s1", address, scorer.Up))
		_ = l.Close()
		wantMembers(t, newest, "refusing", member("s1", address, scorer.Down))
		if l, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = l.Close() }()
		wantMembers(t, newest, "listening again", member("s1", address, scorer.Up))
	})
}

// nameServer answers every question for an IPv4 address with the one that it was
// told last, none for the zero value.
type nameServer struct {
	address  string
	resolves atomic.Pointer[net.IP]
}

func newNameServer(t *testing.T) *nameServer {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &nameServer{address: c.LocalAddr().String()}
	done := make(chan struct{})
	go func() {
		defer close(done)
		packet := make([]byte, 1500)
		for {
			n, from, err := c.ReadFrom(packet)
			if err != nil {
				return
			}
			if reply := s.answer(packet[:n]); reply != nil {
				_, _ = c.WriteTo(reply, from)
			}
		}
	}()
	t.Cleanup(func() { _ = c.Close(); <-done })
	return s
}

func (s *nameServer) answer(query []byte) []byte {
	const header = 12
	if len(query) < header {
		return nil
	}
	end := header
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root, type and class
	if end > len(query) {
		return nil
	}
	reply := append([]byte(nil), query[:end]...)
	const answers, noSuchName, ipv4 = 0x8180, 3, 1
	ip := s.resolves.Load()
	kind := binary.BigEndian.Uint16(query[end-4:])
	flags, count := uint16(answers), uint16(0)
	switch {
	case ip == nil:
		flags |= noSuchName
	case kind == ipv4:
		count = 1
		reply = append(reply, 0xc0, header, 0, ipv4, 0, 1, 0, 0, 0, 1, 0, 4)
		reply = append(reply, ip.To4()...)
	}
	binary.BigEndian.PutUint16(reply[2:], flags)
	binary.BigEndian.PutUint16(reply[4:], 1)
	binary.BigEndian.PutUint16(reply[6:], count)
	binary.BigEndian.PutUint32(reply[8:], 0)
	return reply
}

func TestNamesThatAreResolvedAreFollowed(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		names := newNameServer(t)
		in := start(t, instance.Options{
			Binary: binary,
			Config: preamble + "resolvers names\n  nameserver test " + names.address + "\n  timeout resolve 100ms\n  timeout retry 100ms\n" +
				"  hold valid 100ms\n  hold nx 100ms\n  hold obsolete 100ms\n" +
				"backend ws\n  balance leastconn\n  server s1 backend.test:8080 weight 100 resolvers names resolve-prefer ipv4 init-addr none check inter 1h\n",
		})
		p := newProxy(t, Config{Socket: in.Socket()})
		b := p.Backend("ws")
		run(t, p)
		newest := roster(t, b)
		resolved := func(what, address string, c scorer.Condition) {
			t.Helper()
			until(t, eventually, func() error {
				got := newest()
				if len(got) != 1 || (address != "" && got[0].Address != address) || got[0].Condition != c {
					return fmt.Errorf("%s: got %+v", what, got)
				}
				return nil
			})
		}
		resolved("unknown", "", scorer.Down)
		apply(t, b, static(map[string]float64{"s1": 0.5}))
		if err := wantWeight(t, in, "ws/s1", 100); err != nil {
			t.Errorf("without an address: %v", err)
		}
		first, second := net.IPv4(127, 0, 0, 2), net.IPv4(127, 0, 0, 3)
		names.resolves.Store(&first)
		resolved("resolved", "127.0.0.2:8080", scorer.Up)
		names.resolves.Store(&second)
		resolved("moved", "127.0.0.3:8080", scorer.Up)
		names.resolves.Store(nil)
		resolved("gone", "", scorer.Down)
	})
}
