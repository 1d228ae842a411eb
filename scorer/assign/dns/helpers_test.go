package dns

import (
	"context"
	"net/netip"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/assign/internal/assigntest"
)

var start = time.Unix(1_000_000, 0)

func server(t testing.TB) *Server {
	t.Helper()
	s, err := Listen(context.Background(), Config{Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// running is a server that answers until the test is over.
func running(t testing.TB) *Server {
	t.Helper()
	s := server(t)
	assigntest.Run(t, s)
	return s
}

// zoneFor is a target that follows a plan for the backends, which are all as busy;
// change may be nil.
func zoneFor(t testing.TB, s *Server, o Options, list []scorer.Backend, change func(*scorer.Decision)) *Target {
	t.Helper()
	if o.Name == "" {
		o.Name = "farm.example"
	}
	out, err := s.Target("ws", o)
	if err != nil {
		t.Fatal(err)
	}
	out.SetBackends(list)
	apply(t, out, list, change)
	return out
}

func apply(t testing.TB, target *Target, list []scorer.Backend, change func(*scorer.Decision)) {
	t.Helper()
	if _, err := target.Apply(context.Background(), assigntest.Plan(start, list, change)); err != nil {
		t.Fatal(err)
	}
}

func query(name string, kind uint16) *miekg.Msg {
	q := new(miekg.Msg)
	q.SetQuestion(name, kind)
	return q
}

var somebody = netip.MustParseAddr("192.0.2.1")
