package dns

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	miekg "github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/assign/internal/assigntest"
	"github.com/trimtab-lb/trimtab/scorer/assign/ratelimit"
)

// lines are records with single spaces between their fields, sorted.
func lines(all ...[]miekg.RR) []string {
	var out []string
	for _, section := range all {
		for _, rr := range section {
			if rr.Header().Rrtype != miekg.TypeOPT {
				out = append(out, strings.Join(strings.Fields(rr.String()), " "))
			}
		}
	}
	slices.Sort(out)
	return out
}

const soa = "farm.example. 5 IN SOA ns.elsewhere.example. hostmaster.farm.example. 1000000 3600 600 86400 5"

func TestAnswers(t *testing.T) {
	s := server(t)
	list := assigntest.Backends("10.0.0.1:8080", "[2001:db8::2]:8081", "ws3.elsewhere.example:80", "10.0.0.4:8080")
	list[1].Name, list[3].Name = "WS_2", "ns1" // as a name server
	zoneFor(t, s, Options{NameServers: map[string]netip.Addr{
		"ns1.farm.example": netip.MustParseAddr("192.0.2.53"), "ns.elsewhere.example": {},
	}}, list, func(d *scorer.Decision) {
		if d.Backend == "ns1" {
			d.State = scorer.StateDraining
		}
		if d.Backend == "WS_2" {
			d.Weight = 0.5
		}
	})
	zoneFor(t, s, Options{Name: "sub.farm.example"}, assigntest.Backends("10.1.0.1:80"), nil)
	for _, c := range []struct {
		name   string
		q      *miekg.Msg
		rcode  int
		answer []string
		rest   []string
	}{
		{"A", query("farm.example.", miekg.TypeA), miekg.RcodeSuccess, []string{"farm.example. 5 IN A 10.0.0.1"}, nil},
		{"AAAA", query("farm.example.", miekg.TypeAAAA), miekg.RcodeSuccess, []string{"farm.example. 5 IN AAAA 2001:db8::2"}, nil},
		{"case is kept", query("fArM.ExAmPlE.", miekg.TypeA), miekg.RcodeSuccess, []string{"fArM.ExAmPlE. 5 IN A 10.0.0.1"}, nil},
		{"SRV", query("_http._tcp.farm.example.", miekg.TypeSRV), miekg.RcodeSuccess, []string{
			"_http._tcp.farm.example. 5 IN SRV 0 1000 8080 ws1.farm.example.", "_http._tcp.farm.example. 5 IN SRV 0 500 8081 ws-2.farm.example.",
		}, []string{"ws-2.farm.example. 5 IN AAAA 2001:db8::2", "ws1.farm.example. 5 IN A 10.0.0.1"}},
		{"a backend", query("ws1.farm.example.", miekg.TypeA), miekg.RcodeSuccess, []string{"ws1.farm.example. 5 IN A 10.0.0.1"}, nil},
		{"a backend's other family", query("ws1.farm.example.", miekg.TypeAAAA), miekg.RcodeSuccess, nil, []string{soa}},
		{"a backend whose address is a name", query("ws3.farm.example.", miekg.TypeA), miekg.RcodeNameError, nil, []string{soa}},
		{"NS", query("farm.example.", miekg.TypeNS), miekg.RcodeSuccess, []string{
			"farm.example. 3600 IN NS ns.elsewhere.example.", "farm.example. 3600 IN NS ns1.farm.example.",
		}, []string{"ns1.farm.example. 3600 IN A 192.0.2.53"}},
		{"SOA", query("farm.example.", miekg.TypeSOA), miekg.RcodeSuccess, []string{soa}, nil},
		{"no data", query("farm.example.", miekg.TypeTXT), miekg.RcodeSuccess, nil, []string{soa}},
		{"nothing but others below", query("_tcp.farm.example.", miekg.TypeA), miekg.RcodeSuccess, nil, []string{soa}},
		{"the service's address", query("_http._tcp.farm.example.", miekg.TypeA), miekg.RcodeSuccess, nil, []string{soa}},
		{"absent", query("ws9.farm.example.", miekg.TypeA), miekg.RcodeNameError, nil, []string{soa}},
		{"absent, by ANY", query("ws9.farm.example.", miekg.TypeANY), miekg.RcodeNameError, nil, []string{soa}},
		{"ANY", query("farm.example.", miekg.TypeANY), miekg.RcodeSuccess, []string{`farm.example. 5 IN HINFO "RFC8482" ""`}, nil},
		{"the zone within", query("sub.farm.example.", miekg.TypeA), miekg.RcodeSuccess, []string{"sub.farm.example. 5 IN A 10.1.0.1"}, nil},
		{"another zone", query("farm.example.org.", miekg.TypeA), miekg.RcodeRefused, nil, nil},
		{"like a zone", query("myfarm.example.", miekg.TypeA), miekg.RcodeRefused, nil, nil},
		{"the root", query(".", miekg.TypeNS), miekg.RcodeRefused, nil, nil},
		{"zone transfer", query("farm.example.", miekg.TypeAXFR), miekg.RcodeRefused, nil, nil},
		{"another class", changed(query("version.bind.", miekg.TypeTXT), func(q *miekg.Msg) { q.Question[0].Qclass = miekg.ClassCHAOS }), miekg.RcodeRefused, nil, nil},
		{"update", changed(query("farm.example.", miekg.TypeSOA), func(q *miekg.Msg) { q.Opcode = miekg.OpcodeUpdate }), miekg.RcodeNotImplemented, nil, nil},
		{"notify", changed(query("farm.example.", miekg.TypeSOA), func(q *miekg.Msg) { q.Opcode = miekg.OpcodeNotify }), miekg.RcodeNotImplemented, nil, nil},
		{"no question", new(miekg.Msg), miekg.RcodeFormatError, nil, nil},
		{"a later EDNS", changed(query("farm.example.", miekg.TypeA).SetEdns0(4096, false), func(q *miekg.Msg) { q.IsEdns0().SetVersion(1) }), miekg.RcodeBadVers, nil, nil},
		{"EDNS twice", changed(query("farm.example.", miekg.TypeA).SetEdns0(4096, false), func(q *miekg.Msg) { q.Extra = append(q.Extra, q.Extra[0]) }), miekg.RcodeFormatError, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := s.answer(start, c.q, somebody, true)
			if a == nil {
				t.Fatal("no answer")
			}
			if a.Rcode != c.rcode {
				t.Errorf("%s, want %s", miekg.RcodeToString[a.Rcode], miekg.RcodeToString[c.rcode])
			}
			if diff := cmp.Diff(c.answer, lines(a.Answer)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.rest, lines(a.Ns, a.Extra)); diff != "" {
				t.Errorf("authority and additional (-want +got):\n%s", diff)
			}
			ours := c.rcode == miekg.RcodeSuccess || c.rcode == miekg.RcodeNameError
			if !a.Response || a.RecursionAvailable || a.Authoritative != ours || a.Id != c.q.Id {
				t.Errorf("header %+v; want an answer, authoritative %v, without recursion", a.MsgHdr, ours)
			}
		})
	}
}

func changed(q *miekg.Msg, change func(*miekg.Msg)) *miekg.Msg {
	change(q)
	return q
}

func TestWhoAnswersIsNotAnswered(t *testing.T) {
	q := query("farm.example.", miekg.TypeA)
	q.Response = true
	if a := server(t).answer(start, q, somebody, true); a != nil {
		t.Errorf("an answer is answered by %v", a)
	}
}

// What cannot be known now is not said to be absent.
func TestFailures(t *testing.T) {
	s := server(t)
	list := assigntest.Backends("10.0.0.1:80")
	nobody := func(d *scorer.Decision) { d.State = scorer.StateDown }
	early, err := s.Target("early", Options{Name: "early.example"})
	if err != nil {
		t.Fatal(err)
	}
	early.SetBackends(list)
	if _, err := early.Apply(t.Context(), scorer.Plan{Mode: scorer.DryRun}); err != nil {
		t.Fatal(err)
	}
	zoneFor(t, s, Options{Name: "down.example"}, list, nobody)
	for _, zone := range []string{"early.example.", "down.example."} {
		for kind, name := range map[uint16]string{miekg.TypeA: zone, miekg.TypeAAAA: zone, miekg.TypeSRV: "_http._tcp." + zone} {
			if a := s.answer(start, query(name, kind), somebody, true); a.Rcode != miekg.RcodeServerFailure || len(a.Answer)+len(a.Ns) > 0 {
				t.Errorf("%s %s: %v, want SERVFAIL", name, miekg.TypeToString[kind], a)
			}
		}
		if a := s.answer(start, query(zone, miekg.TypeSOA), somebody, true); a.Rcode != miekg.RcodeSuccess {
			t.Errorf("%s SOA: %s, want an answer", zone, miekg.RcodeToString[a.Rcode])
		}
	}
	// All are full: somebody has to be named.
	zoneFor(t, s, Options{Name: "full.example"}, list, func(d *scorer.Decision) { d.Utilization = 2 })
	if a := s.answer(start, query("full.example.", miekg.TypeA), somebody, true); len(a.Answer) != 1 {
		t.Errorf("all are full: %v, want an address", a)
	}
}

func TestBackendsJoinAndLeave(t *testing.T) {
	s := server(t)
	two := assigntest.Backends("10.0.0.1:80", "10.0.0.2:80")
	target := zoneFor(t, s, Options{}, two[:1], nil)
	seen := func() []string {
		found := map[string]bool{}
		for range 100 {
			for _, rr := range s.answer(start, query("farm.example.", miekg.TypeA), somebody, true).Answer {
				found[rr.(*miekg.A).A.String()] = true
			}
		}
		var out []string
		for a := range found {
			out = append(out, a)
		}
		slices.Sort(out)
		return out
	}
	for _, c := range []struct {
		list   []scorer.Backend
		change func(*scorer.Decision)
		want   []string
	}{
		{two[:1], nil, []string{"10.0.0.1"}},
		{two, nil, []string{"10.0.0.1", "10.0.0.2"}},
		{two, func(d *scorer.Decision) {
			if d.Backend == "ws1" {
				d.State, d.Weight = scorer.StateEjected, 0
			}
		}, []string{"10.0.0.2"}},
		{two[1:], nil, []string{"10.0.0.2"}},
	} {
		target.SetBackends(c.list)
		apply(t, target, c.list, c.change)
		if diff := cmp.Diff(c.want, seen()); diff != "" {
			t.Errorf("addresses (-want +got):\n%s", diff)
		}
	}
	target.Close()
	if a := s.answer(start, query("farm.example.", miekg.TypeA), somebody, true); a.Rcode != miekg.RcodeRefused {
		t.Errorf("after the end %s, want REFUSED", miekg.RcodeToString[a.Rcode])
	}
}

func TestSizes(t *testing.T) {
	s := server(t)
	var addresses []string
	for i := range 300 {
		addresses = append(addresses, netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(i%250 + 1)}), 80).String())
	}
	zoneFor(t, s, Options{}, assigntest.Backends(addresses...), nil)
	for _, c := range []struct {
		name      string
		edns      uint16
		udp       bool
		most      int
		truncated bool
	}{
		{"without EDNS", 0, true, 512, true},
		{"EDNS with less than may be", 100, true, 512, true},
		{"EDNS with more than goes through", 4096, true, 1232, true},
		{"TCP", 0, false, 65535, false},
	} {
		q := query("_http._tcp.farm.example.", miekg.TypeSRV)
		if c.edns > 0 {
			q.SetEdns0(c.edns, true)
		}
		a := s.answer(start, q, somebody, c.udp)
		wire, err := a.Pack()
		if err != nil {
			t.Fatal(err)
		}
		if len(wire) > c.most || a.Truncated != c.truncated || (!c.truncated && len(a.Answer) != maxServices) {
			t.Errorf("%s: %d bytes, truncated %v, %d answers; want at most %d bytes, truncated %v", c.name, len(wire), a.Truncated, len(a.Answer), c.most, c.truncated)
		}
		if opt := a.IsEdns0(); (opt != nil) != (c.edns > 0) || (opt != nil && (opt.UDPSize() != maxUDP || !opt.Do())) {
			t.Errorf("%s: answered with EDNS %v", c.name, opt)
		}
	}
}

// Who asks too often over UDP gets less than it sends, and is sent to TCP.
func TestRateLimit(t *testing.T) {
	for name, question := range map[string]string{"the zone": "farm.example.", "other zones": "example.org."} {
		s := server(t)
		zoneFor(t, s, Options{Rate: ratelimit.Config{PerSecond: 10, Burst: 20}}, assigntest.Backends("10.0.0.1:80"), nil)
		var full, short, none int
		for range 1000 {
			switch a := s.answer(start, query(question, miekg.TypeA), somebody, true); {
			case a == nil:
				none++
			case a.Truncated && len(a.Answer) == 0:
				short++
			default:
				full++
			}
		}
		if full != 20 || short != 490 || none != 490 {
			t.Errorf("%s: %d answers, %d to TCP, %d to none; want 20, 490, 490", name, full, short, none)
		}
		if a := s.answer(start, query(question, miekg.TypeA), somebody, false); a == nil || a.Truncated {
			t.Errorf("%s: no answer over TCP", name)
		}
		if a := s.answer(start, query(question, miekg.TypeA), netip.MustParseAddr("192.0.3.1"), true); a == nil || a.Truncated {
			t.Errorf("%s: no answer for another network", name)
		}
		if a := s.answer(start.Add(time.Second), query(question, miekg.TypeA), somebody, true); a == nil || a.Truncated {
			t.Errorf("%s: no answer a second later", name)
		}
	}
}

func TestOptionsAreRefused(t *testing.T) {
	for _, o := range []Options{
		{},
		{Name: "."},
		{Name: "a b"},
		{Name: "a..b"},
		{Name: "*.example"},
		{Name: strings.Repeat("a.", 100)},
		{Name: "farm.example", TTL: 1500 * time.Millisecond},
		{Name: "farm.example", TTL: 2 * time.Hour},
		{Name: "farm.example", Service: "http"},
		{Name: "farm.example", Service: "_a._sctp"},
		{Name: "farm.example", NameServers: map[string]netip.Addr{"": {}}},
		{Name: "farm.example", NameServers: map[string]netip.Addr{"Farm.example.": {}}},
	} {
		if _, err := server(t).Target("ws", o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestLabels(t *testing.T) {
	z := newZone(&Options{Name: "farm.example."}, []scorer.Backend{
		{Name: "a.b", Address: "10.0.0.1:80"},
		{Name: "a_b", Address: "10.0.0.2:80"},
		{Name: "::", Address: "10.0.0.3:80"},
		{Name: strings.Repeat("x", 100), Address: "10.0.0.4:80"},
		{Name: strings.Repeat("x", 99), Address: "10.0.0.5:80"},
	})
	seen := map[string]bool{}
	for name, full := range z.backends {
		if _, ok := miekg.IsDomainName(full); !ok || seen[full] {
			t.Errorf("%s is %s, which is no name or another's", name, full)
		}
		seen[full] = true
	}
	if len(seen) != 5 {
		t.Errorf("names %v, want 5", z.backends)
	}
}

// Whatever is asked, an answer can be sent, is no larger than it may be and has the
// question's number.
func FuzzAnswer(f *testing.F) {
	s := server(f)
	zoneFor(f, s, Options{NameServers: map[string]netip.Addr{"ns1.farm.example": netip.MustParseAddr("192.0.2.53")}},
		assigntest.Backends("10.0.0.1:80", "[2001:db8::2]:80"), nil)
	for _, q := range []*miekg.Msg{
		query("farm.example.", miekg.TypeA), query("_http._tcp.farm.example.", miekg.TypeSRV).SetEdns0(4096, true),
		query("x.FARM.example.", miekg.TypeANY), query("farm.example.", miekg.TypeAXFR), query("farm.example.", miekg.TypeNS),
	} {
		wire, err := q.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire, true)
		f.Add(wire, false)
	}
	f.Fuzz(func(t *testing.T, wire []byte, udp bool) {
		q := new(miekg.Msg)
		if q.Unpack(wire) != nil {
			return
		}
		a := s.answer(start, q, somebody, udp)
		if a == nil {
			return
		}
		out, err := a.Pack()
		if err != nil {
			t.Fatalf("%v\ncannot be sent: %v", a, err)
		}
		if limit := max(maxUDP, len(wire)+11); udp && len(out) > limit {
			t.Fatalf("%d bytes for %d", len(out), len(wire))
		}
		if a.Id != q.Id || !a.Response {
			t.Fatalf("%v answers %v", a, q)
		}
	})
}

// A successor answers before it has a plan of its own.
func TestSuccessorNeedsNoPlan(t *testing.T) {
	first := zoneFor(t, server(t), Options{}, assigntest.Backends("10.0.0.1:80"), nil)
	s := server(t)
	second, err := s.Target("ws", Options{Name: "other.example", TTL: 7 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	second.Succeed(first)
	a := s.answer(start, query("other.example.", miekg.TypeA), somebody, true)
	if diff := cmp.Diff([]string{"other.example. 7 IN A 10.0.0.1"}, lines(a.Answer)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// A successor answers with all names before it is told the backends itself.
func TestSuccessorKnowsNames(t *testing.T) {
	s := server(t)
	first := zoneFor(t, s, Options{}, assigntest.Farm(2), nil)
	second, err := s.Target("ws", Options{Name: "other.example"})
	if err != nil {
		t.Fatal(err)
	}
	second.Succeed(first)
	for name, kind := range map[string]uint16{"other.example.": miekg.TypeA, "_http._tcp.other.example.": miekg.TypeSRV, "ws1.other.example.": miekg.TypeA} {
		if a := s.answer(start, query(name, kind), somebody, true); a.Rcode != miekg.RcodeSuccess || len(a.Answer) == 0 {
			t.Errorf("%s %s: %v", name, miekg.TypeToString[kind], a)
		}
	}
}
