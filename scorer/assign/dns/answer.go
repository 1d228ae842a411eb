package dns

import (
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer/assign"
)

const (
	// maxUDP is what goes through every network unfragmented.
	maxUDP = 1232
	minUDP = 512
	maxTCP = 65535
	// maxServices is how many backends an SRV answer names; of more, some are drawn.
	maxServices = 128
	// slip is which of the answers in excess says to come over TCP.
	slip = 2
	// serverTTL is how long name servers are kept, in seconds.
	serverTTL = 3600
)

// answer makes the answer to a query; nil is none at all.
func (s *Server) answer(now time.Time, q *miekg.Msg, client netip.Addr, udp bool) *miekg.Msg {
	if q.Response {
		return nil // or two servers could talk for ever
	}
	a := new(miekg.Msg)
	a.SetReply(q)
	a.RecursionAvailable, a.Zero, a.AuthenticatedData = false, false, false
	a.Compress = true
	size := maxTCP
	if udp {
		size = minUDP
	}
	opt, one := options(q)
	if opt != nil {
		a.SetEdns0(maxUDP, opt.Do())
		if udp {
			size = min(max(int(opt.UDPSize()), minUDP), maxUDP)
		}
	}
	switch {
	case len(q.Question) != 1 || !one:
		a.Rcode = miekg.RcodeFormatError
	case q.Opcode != miekg.OpcodeQuery:
		a.Rcode = miekg.RcodeNotImplemented
	case opt != nil && opt.Version() != 0:
		a.Rcode = miekg.RcodeBadVers
	case q.Question[0].Qclass != miekg.ClassINET:
		a.Rcode = miekg.RcodeRefused
	default:
		t := s.zoneOf(miekg.CanonicalName(q.Question[0].Name))
		if t == nil {
			a.Rcode = miekg.RcodeRefused
			break
		}
		if udp {
			if ok, _ := t.limiter.Allow(now, client); !ok {
				return excess(a, t.limited.Add(1))
			}
		}
		t.answer(now, a)
		truncate(a, size)
		return a
	}
	if udp {
		if ok, _ := s.limiter.Allow(now, client); !ok {
			return excess(a, s.limited.Add(1))
		}
	}
	return a
}

// truncate makes an answer fit. It is called truncated where something is missing that
// was asked for: addresses beside an SRV record can be asked for by themselves (RFC
// 2181, section 9), and nobody has to come again over TCP for them.
func truncate(a *miekg.Msg, size int) {
	answer, authority := len(a.Answer), len(a.Ns)
	a.Truncate(size)
	a.Truncated = len(a.Answer) < answer || len(a.Ns) < authority
}

// options is a query's OPT record; false is that there are more of them than may be.
func options(q *miekg.Msg) (opt *miekg.OPT, one bool) {
	for _, rr := range q.Extra {
		if o, ok := rr.(*miekg.OPT); ok {
			if opt != nil {
				return opt, false
			}
			opt = o
		}
	}
	return opt, true
}

// excess is the answer to who asks more often than it may, if there is one.
func excess(a *miekg.Msg, number uint64) *miekg.Msg {
	if number%slip != 0 {
		return nil
	}
	a.Rcode, a.Truncated = miekg.RcodeSuccess, true
	return a
}

// zoneOf is the target for the zone that a name is in.
func (s *Server) zoneOf(name string) *Target {
	zones := *s.zones.Load()
	for at, end := 0, false; !end; at, end = miekg.NextLabel(name, at) {
		if t := zones[name[at:]]; t != nil {
			return t
		}
	}
	return nil
}

// answer fills in what the zone says of the question.
func (t *Target) answer(now time.Time, a *miekg.Msg) {
	question := a.Question[0]
	z := t.zone.Load()
	name := miekg.CanonicalName(question.Name)
	address, exists := z.names[name]
	switch {
	case question.Qtype == miekg.TypeAXFR || question.Qtype == miekg.TypeIXFR:
		a.Rcode = miekg.RcodeRefused
		return
	case !exists:
		a.Authoritative, a.Rcode = true, miekg.RcodeNameError
		a.Ns = append(a.Ns, t.soa(z))
		return
	}
	a.Authoritative = true
	switch {
	case question.Qtype == miekg.TypeANY:
		a.Answer = append(a.Answer, &miekg.HINFO{Hdr: header(question.Name, miekg.TypeHINFO, t.ttl), Cpu: "RFC8482"})
	case name == z.apex:
		t.apex(now, a, z)
	case name == z.service && question.Qtype == miekg.TypeSRV:
		t.services(a, z)
	default:
		add(&a.Answer, question.Name, question.Qtype, address, t.ttl)
	}
	if a.Rcode == miekg.RcodeSuccess && len(a.Answer) == 0 {
		a.Ns = append(a.Ns, t.soa(z))
	}
}

// apex answers at the zone's own name.
func (t *Target) apex(now time.Time, a *miekg.Msg, z *zone) {
	question := a.Question[0]
	request := assign.Request{Family: assign.IPv4, Always: true}
	switch question.Qtype {
	case miekg.TypeSOA:
		soa := t.soa(z)
		soa.Hdr.Name = question.Name
		a.Answer = append(a.Answer, soa)
		return
	case miekg.TypeNS:
		for _, server := range z.servers {
			a.Answer = append(a.Answer, &miekg.NS{Hdr: header(question.Name, miekg.TypeNS, serverTTL), Ns: server})
			address := z.names[server]
			add(&a.Extra, server, miekg.TypeA, address, serverTTL)
			add(&a.Extra, server, miekg.TypeAAAA, address, serverTTL)
		}
		return
	case miekg.TypeA:
	case miekg.TypeAAAA:
		request.Family = assign.IPv6
	default:
		return
	}
	b, err := t.placement.Assign(now, request)
	switch {
	case errors.Is(err, assign.ErrNoAddress): // the other family has some
	case err != nil:
		fail(a)
	default:
		add(&a.Answer, question.Name, question.Qtype, b.At.Addr(), t.ttl)
	}
}

// services answers with all backends that take clients.
func (t *Target) services(a *miekg.Msg, z *zone) {
	all, err := t.placement.Spread()
	if err != nil {
		fail(a)
		return
	}
	if len(all) > maxServices {
		rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:maxServices]
	}
	highest := 0.0
	for _, b := range all {
		highest = max(highest, b.Weight)
	}
	for _, b := range all {
		name := z.backends[b.Name]
		if name == "" {
			continue // it has just left
		}
		a.Answer = append(a.Answer, &miekg.SRV{
			Hdr: header(a.Question[0].Name, miekg.TypeSRV, t.ttl), Target: name, Port: b.At.Port(),
			Weight: uint16(max(math.Round(1000*b.Weight/highest), 1)),
		})
		add(&a.Extra, name, miekg.TypeA, b.At.Addr(), t.ttl)
		add(&a.Extra, name, miekg.TypeAAAA, b.At.Addr(), t.ttl)
	}
	if len(a.Answer) == 0 {
		fail(a)
	}
}

// fail says that there is no answer now, which is nothing to remember.
func fail(a *miekg.Msg) {
	a.Authoritative, a.Rcode = false, miekg.RcodeServerFailure
	a.Answer, a.Ns = nil, nil
}

// soa is for who has to know for how long something is absent.
func (t *Target) soa(z *zone) *miekg.SOA {
	return &miekg.SOA{
		Hdr: header(z.apex, miekg.TypeSOA, t.ttl), Ns: z.servers[0], Mbox: "hostmaster." + z.apex,
		Serial: t.serial.Load(), Refresh: 3600, Retry: 600, Expire: 86400, Minttl: t.ttl,
	}
}

// add appends an address record if the address is of the type.
func add(to *[]miekg.RR, name string, kind uint16, address netip.Addr, ttl uint32) {
	switch {
	case kind == miekg.TypeA && address.Is4():
		*to = append(*to, &miekg.A{Hdr: header(name, kind, ttl), A: address.AsSlice()})
	case kind == miekg.TypeAAAA && address.Is6():
		*to = append(*to, &miekg.AAAA{Hdr: header(name, kind, ttl), AAAA: address.AsSlice()})
	}
}

func header(name string, kind uint16, ttl uint32) miekg.RR_Header {
	return miekg.RR_Header{Name: name, Rrtype: kind, Class: miekg.ClassINET, Ttl: ttl}
}
