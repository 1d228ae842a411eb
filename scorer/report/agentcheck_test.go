package report

import (
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// changing is a Source that changes.
type changing struct{ atomic.Pointer[Load] }

func (c *changing) Load() Load { return *c.Pointer.Load() }

func busy(utilization, cpu float64, draining bool) Load {
	l := Unknown()
	l.Utilization, l.CPU, l.Draining = utilization, cpu, draining
	return l
}

func TestAgentCheckAnswers(t *testing.T) {
	nan := math.NaN()
	var now changing
	a := &AgentCheck{Load: &now}
	told, other := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	at := time.Unix(1000, 0)
	for _, test := range []struct {
		name  string
		load  Load
		peer  netip.Addr
		after time.Duration
		want  string
	}{
		{"by its own word", busy(0.25, 0.9, false), told, 0, "75%\n"},
		{"by CPU", busy(nan, 0.9, false), told, 0, "10%\n"},
		{"overloaded, but not without work", busy(1.5, nan, false), told, 0, "1%\n"},
		{"idle", busy(nan, 0, false), told, 0, "100%\n"},
		{"nobody knows", busy(nan, nan, false), told, 0, "\n"},
		{"draining", busy(0.25, 0.9, true), told, 0, "drain\n"},
		{"draining, nobody knows", busy(nan, nan, true), told, 0, "drain\n"},
		{"back, to who was told", busy(0.5, nan, false), told, time.Second, "ready 50%\n"},
		{"back, to who was not", busy(0.5, nan, false), other, time.Second, "50%\n"},
		{"to all its servers", busy(nan, nan, false), told, 5 * time.Second, "ready\n"},
		{"and no longer", busy(0.5, nan, false), told, 12 * time.Second, "50%\n"},
		{"an operator's state is left alone", busy(0.5, nan, false), told, 13 * time.Second, "50%\n"},
	} {
		now.Store(&test.load)
		if got := a.answer(test.peer, at.Add(test.after)); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// Nobody who asks from many addresses during a drain keeps a HAProxy, which asks every
// second, from being told that it is over: it would leave the backend drained.
func TestDrainedPeersAreBounded(t *testing.T) {
	var now changing
	a := &AgentCheck{Load: &now}
	proxy, at := netip.MustParseAddr("192.0.2.1"), time.Unix(1000, 0)
	draining := busy(0.5, 0, true)
	now.Store(&draining)
	for i := range 4 * maxPeers {
		if i >= maxPeers && i%100 == 0 {
			a.answer(proxy, at.Add(time.Duration(i)*10*time.Millisecond))
		}
		a.answer(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), at.Add(time.Duration(i)*10*time.Millisecond))
	}
	if n := len(a.drains.peers); n != maxPeers {
		t.Errorf("%d are kept, want %d", n, maxPeers)
	}
	again := busy(0.5, 0, false)
	now.Store(&again)
	if got := a.answer(proxy, at.Add(time.Minute)); got != "ready 50%\n" {
		t.Errorf("a HAProxy that was told to drain is told %q, want ready", got)
	}
}

// Whoever sends something is answered just as who sends nothing and waits.
func TestAgentCheckServes(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	a := &AgentCheck{Load: fixed(busy(0.25, 0, false))}
	go func() { ended <- a.Serve(ctx, l) }()
	for _, send := range []string{"", "web/s1\n", strings.Repeat("x", 5000)} {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(conn, send); err != nil {
			t.Error(err)
		}
		if got, err := io.ReadAll(conn); string(got) != "75%\n" || err != nil {
			t.Errorf("%.10q is answered %q, %v", send, got, err)
		}
		conn.Close()
	}
	// One that stays does not hold up the end.
	idle, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}

	broken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	broken.Close()
	if err := a.Serve(t.Context(), broken); !errors.Is(err, net.ErrClosed) {
		t.Errorf("a closed listener: %v", err)
	}
}
