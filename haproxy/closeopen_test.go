package haproxy

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// breaking leads to a HAProxy, and breaks once when that has done what begins with the
// command, before it says so.
func breaking(t *testing.T, socket, command string) (path string, broken *atomic.Bool) {
	t.Helper()
	path, broken = filepath.Join(t.TempDir(), "s"), new(atomic.Bool)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	lead := func(client net.Conn) {
		defer func() { _ = client.Close() }()
		server, err := net.Dial("unix", socket)
		if err != nil {
			t.Error(err)
			return
		}
		defer func() { _ = server.Close() }()
		var silent atomic.Bool
		go func() {
			buffer := make([]byte, 64<<10)
			for {
				n, err := client.Read(buffer)
				if err != nil {
					_ = server.(*net.UnixConn).CloseWrite()
					return
				}
				if bytes.HasPrefix(buffer[:n], []byte(command)) && broken.CompareAndSwap(false, true) {
					silent.Store(true)
				}
				_, _ = server.Write(buffer[:n])
			}
		}()
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if err != nil || silent.Load() {
				return
			}
			_, _ = client.Write(buffer[:n])
		}
	}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go lead(client)
		}
	}()
	return path, broken
}

// The connection fails between HAProxy's closing one and its answer: it was closed all
// the same, and nobody else is in its place.
func TestWhoWasClosedWithoutAnAnswerCounts(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := tunnelled(t, binary, "s1")
		all := openTunnels(t, in.Addr(0), 4)
		aged(t, in, "ws", "s1", 4)
		socket, broken := breaking(t, in.Socket(), "shutdown session ")
		c := newProxy(t, Config{Socket: socket}).Backend("ws").Closer()
		got, err := c.Close(t.Context(), CloseRequest{Selection: Selection{Server: "s1"}, Count: 1})
		wantResult(t, got, CloseResult{Began: 4, Asked: 1, Closed: 1, Left: 3}, err)
		all.wantEnded(t, 1)
		if !broken.Load() {
			t.Error("the connection has not failed")
		}
		socket, _ = breaking(t, in.Socket(), "shutdown session ")
		c = newProxy(t, Config{Socket: socket}).Backend("ws").Closer()
		got, err = c.Drain(t.Context(), DrainRequest{Selection: Selection{Server: "s1"}})
		wantResult(t, got, CloseResult{Began: 3, Asked: 3, Closed: 3}, err)
		all.wantEnded(t, 4)
	})
}

// What had its turn without an outcome is found by the next list, or has ended.
func TestTheNextListTellsWhatWasLeftOpen(t *testing.T) {
	one := target{stream{"0x1", "10.0.0.1:1", age{10 * time.Second, time.Second, true}, tunnelling}, 1}
	other := target{stream{"0x2", "10.0.0.1:2", age{10 * time.Second, time.Second, true}, tunnelling}, 1}
	for _, test := range []struct {
		name  string
		told  bool
		there []target
		want  CloseResult
	}{
		{"told and gone", true, []target{other}, CloseResult{Asked: 1, Closed: 1, Left: 1, Listings: 1}},
		{"not told and gone", false, []target{other}, CloseResult{Asked: 1, Gone: 1, Left: 1, Listings: 1}},
		{"told and there", true, []target{one, other}, CloseResult{Left: 2, Listings: 1}},
		{"not told and there", false, []target{one, other}, CloseResult{Left: 2, Listings: 1}},
	} {
		for _, all := range []bool{false, true} {
			j := closing{
				all: all, quota: 2, open: map[target]bool{one.identity(): test.told},
				asked: map[target]asking{}, doubts: map[target]int{}, Selection: Selection{MinAge: youngest},
			}
			for range 2 { // it is counted once
				j.result.Listings = 0
				j.take(listing{targets: test.there}, false)
			}
			if j.result != test.want || len(j.candidates) != len(test.there) || j.quota != 2-j.result.Asked {
				t.Errorf("%s, all %v: %+v, %d to close, %d wanted", test.name, all, j.result, len(j.candidates), j.quota)
			}
		}
	}
}

// Time that an answer took is no doubt about a stream, however often it is so: it is
// closed when there is less of it.
func TestALateAnswerIsNoDoubt(t *testing.T) {
	one := stream{"0x1", "10.0.0.1:1", age{10 * time.Second, time.Second, true}, tunnelling}
	for _, test := range []struct {
		name        string
		shown       time.Duration
		asked, read time.Duration
		same        bool
		open        outcome
	}{
		{"at once", 15 * time.Second, 5 * time.Second, 5 * time.Second, true, outcomeUnknown},
		{"read late", 15 * time.Second, 5 * time.Second, 9 * time.Second, false, outcomeUnknown},
		{"too young", 8 * time.Second, 5 * time.Second, 5 * time.Second, false, outcomeDoubtful},
		{"too young and late", 8 * time.Second, 5 * time.Second, 9 * time.Second, false, outcomeDoubtful},
	} {
		text := fmt.Sprintf("0x1: [x] id=1 source=10.0.0.1:1\n  backend=ws (id=3 mode=tcp)\n  server=s1 (id=1)\n  task=0x2 (state=0 age=%v)\n", test.shown)
		same, there, open := judge([]byte(text), one, place{"ws", "s1"}, test.asked, test.read)
		if same != test.same || !there || open != test.open {
			t.Errorf("%s: same %v, there %v, open %v", test.name, same, there, open)
		}
	}
}
