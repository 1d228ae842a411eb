package dns

import (
	"net"
	"runtime"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer/assign/internal/assigntest"
)

// respond does all that is done for a query but read and write.
func respond(t testing.TB, s *Server, wire []byte) {
	q := new(miekg.Msg)
	if err := q.Unpack(wire); err != nil {
		t.Fatal(err)
	}
	if _, err := s.answer(time.Now(), q, somebody, true).Pack(); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkAnswer(b *testing.B) {
	for name, q := range map[string]*miekg.Msg{
		"a":   query("farm.example.", miekg.TypeA).SetEdns0(1232, false),
		"srv": query("_http._tcp.farm.example.", miekg.TypeSRV).SetEdns0(1232, false),
	} {
		b.Run(name, func(b *testing.B) {
			s := server(b)
			zoneFor(b, s, Options{}, assigntest.Farm(20), nil)
			wire, err := q.Pack()
			if err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				respond(b, s, wire)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "queries/s")
		})
	}
}

// One core answers 30,000 queries a second from the bytes of one to the bytes of the
// other.
func TestMeasuredQueries(t *testing.T) {
	s := server(t)
	zoneFor(t, s, Options{}, assigntest.Farm(20), nil)
	wire, err := query("farm.example.", miekg.TypeA).SetEdns0(1232, false).Pack()
	if err != nil {
		t.Fatal(err)
	}
	rate := assigntest.PerProcessorSecond(t, 50_000, func() { respond(t, s, wire) })
	t.Logf("%.0f queries/s on one core", rate)
	if rate < 30_000 {
		t.Errorf("%.0f queries/s, want at least 30,000", rate)
	}
}

// Over sockets, with who asks in the same process and on the same core: shown.
func TestMeasuredQueriesOverSockets(t *testing.T) {
	s := running(t)
	zoneFor(t, s, Options{}, assigntest.Farm(20), nil)
	wire, err := query("farm.example.", miekg.TypeA).SetEdns0(1232, false).Pack()
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("udp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	previous := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(previous)
	const n, window = 60_000, 50
	buffer := make([]byte, 2048)
	began := time.Now()
	for range n / window {
		for range window {
			if _, err := c.Write(wire); err != nil {
				t.Fatal(err)
			}
		}
		for range window {
			if _, err := c.Read(buffer); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Logf("%.0f queries/s over UDP, client and server on one core", n/time.Since(began).Seconds())
}
