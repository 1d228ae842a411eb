package discover

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer"
)

// zone is a DNS server that answers from records that a test may change.
type zone struct {
	mu      sync.Mutex
	records map[string][]dns.RR // by name and type
	rcode   int
	asked   map[string]int // by network
	// cut is that answers over UDP are cut off.
	cut bool
}

// serve starts a server over UDP and TCP, and returns where it is.
func serve(t *testing.T, z *zone) string {
	t.Helper()
	packets, streams := sharedPort(t)
	z.asked = map[string]int{}
	for network, s := range map[string]*dns.Server{
		"udp": {PacketConn: packets}, "tcp": {Listener: streams},
	} {
		s.Handler = dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) { z.answer(w, q, network) })
		started, ended := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() {
			_ = s.Shutdown()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	}
	return packets.LocalAddr().String()
}

// sharedPort finds a port that is free for both.
func sharedPort(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for {
		streams, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		packets, err := net.ListenPacket("udp", streams.Addr().String())
		if err == nil {
			return packets, streams
		}
		streams.Close()
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

func (z *zone) answer(w dns.ResponseWriter, q *dns.Msg, network string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.asked[network]++
	reply := new(dns.Msg).SetReply(q)
	reply.Rcode = z.rcode
	if z.rcode == dns.RcodeSuccess {
		reply.Answer = z.records[q.Question[0].Name+" "+dns.TypeToString[q.Question[0].Qtype]]
	}
	if z.cut && network == "udp" {
		reply.Answer, reply.Truncated = nil, true
	}
	_ = w.WriteMsg(reply)
}

// set replaces all records; each is a line of a zone file.
func (z *zone) set(t *testing.T, rcode int, lines ...string) {
	t.Helper()
	records := map[string][]dns.RR{}
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		key := rr.Header().Name + " " + dns.TypeToString[rr.Header().Rrtype]
		records[key] = append(records[key], rr)
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records, z.rcode = records, rcode
}

func newDNS(t *testing.T, o DNSOptions) *DNS {
	t.Helper()
	d, err := NewDNS(o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

const service = "_http._tcp.web.example.test. 1 IN SRV "

func TestServicesAreFollowed(t *testing.T) {
	z := &zone{}
	z.set(t, 0, service+"10 8 8080 a.example.test.", service+"10 0 8081 b.example.test.", service+"20 5 80 spare.example.test.",
		"a.example.test. 60 IN A 10.0.0.1", "b.example.test. 60 IN A 10.0.0.2", "b.example.test. 60 IN AAAA 2001:db8::2")
	d := newDNS(t, DNSOptions{Name: "_http._tcp.web.example.test", SRV: true, Server: serve(t, z)})
	lists := follow(t, d)
	want := []scorer.Backend{
		{Name: "10.0.0.2:8081", Address: "10.0.0.2:8081", Capacity: 1},
		{Name: "[2001:db8::2]:8081", Address: "[2001:db8::2]:8081", Capacity: 1},
		{Name: "a.example.test:8080", Address: "10.0.0.1:8080", Capacity: 8},
	}
	if diff := cmp.Diff(want, <-lists); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The TTL is a second, though the period is half a minute.
	began := time.Now()
	z.set(t, 0, service+"10 4 8080 a.example.test.", service+"10 4 8080 b.example.test.",
		"a.example.test. 60 IN A 10.0.0.1", "b.example.test. 60 IN A 10.0.0.2")
	next(t, lists, "a.example.test:8080", "b.example.test:8080")
	t.Logf("seen after %v, the TTL being 1s", time.Since(began).Round(10*time.Millisecond))
	// No server, no name, no record: what is known stays.
	for _, trouble := range []struct {
		rcode int
		says  string
	}{
		{dns.RcodeServerFailure, "SERVFAIL"}, {dns.RcodeRefused, "REFUSED"}, {dns.RcodeNameError, "no record"}, {0, "no record"},
	} {
		z.set(t, trouble.rcode)
		if s := until(t, d, lists, trouble.says); s.Backends != 2 || s.Name != "dns:_http._tcp.web.example.test" {
			t.Errorf("status %+v", s)
		}
	}
	z.set(t, 0, service+"0 0 0 .")
	until(t, d, lists, "no record")
	z.set(t, 0, service+"10 4 8080 c.example.test.", "c.example.test. 60 IN A 10.0.0.3")
	next(t, lists, "c.example.test:8080")
}

// A target without an address is left out, and so is one that is no host name.
func TestADanglingTargetIsLeftOut(t *testing.T) {
	z := &zone{}
	z.set(t, 0, service+"1 1 80 a.example.test.", service+"1 1 80 gone.example.test.", service+`1 1 80 a\;set\032b.example.test.`, "a.example.test. 60 IN A 10.0.0.1")
	lists := follow(t, newDNS(t, DNSOptions{Name: "_http._tcp.web.example.test.", SRV: true, Server: serve(t, z)}))
	next(t, lists, "a.example.test:80")
}

func TestAddressesAreFollowed(t *testing.T) {
	z := &zone{cut: true}
	z.set(t, 0, "web.example.test. 1 IN A 10.0.0.2", "web.example.test. 1 IN A 10.0.0.1", "web.example.test. 1 IN AAAA 2001:db8::1")
	d := newDNS(t, DNSOptions{Name: "web.example.test", Port: 80, Server: serve(t, z)})
	lists := follow(t, d)
	next(t, lists, "10.0.0.1:80", "10.0.0.2:80", "[2001:db8::1]:80")
	z.set(t, 0, "web.example.test. 1 IN A 10.0.0.3")
	next(t, lists, "10.0.0.3:80")
	z.mu.Lock()
	defer z.mu.Unlock()
	if z.asked["tcp"] < 4 {
		t.Errorf("asked %v, want TCP where UDP is cut off", z.asked)
	}
}

// However many backends there are, and with the answer too large for UDP.
func TestManyBackends(t *testing.T) {
	const many = 300
	z := &zone{cut: true}
	var lines []string
	for i := range many {
		lines = append(lines, fmt.Sprintf("%s10 1 80 b%03d.example.test.", service, i),
			fmt.Sprintf("b%03d.example.test. 60 IN A 10.0.%d.%d", i, i/250, i%250+1))
	}
	z.set(t, 0, lines...)
	began := time.Now()
	lists := follow(t, newDNS(t, DNSOptions{Name: "_http._tcp.web.example.test", SRV: true, Server: serve(t, z)}))
	list := <-lists
	t.Logf("%d backends after %v", len(list), time.Since(began).Round(time.Millisecond))
	if len(list) != many || list[7].Name != "b007.example.test:80" || list[7].Address != "10.0.0.8:80" {
		t.Errorf("%d backends, the eighth %+v", len(list), list[7])
	}
}

func TestNobodyAnswers(t *testing.T) {
	packets, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer packets.Close()
	d := newDNS(t, DNSOptions{Name: "web.example.test", Port: 80, Server: packets.LocalAddr().String()})
	if s := until(t, d, follow(t, d), "i/o timeout"); s.Failures == 0 || s.Backends != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestDNSOptionsThatMakeNoSense(t *testing.T) {
	for says, o := range map[string]DNSOptions{
		"is not a name":     {Port: 80},
		"port 0":            {Name: "web.example.test"},
		"server":            {Name: "web.example.test", Port: 80, Server: "nonsense"},
		`"a..b" is not a n`: {Name: "a..b", SRV: true},
	} {
		if _, err := NewDNS(o); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("error %v, want one that says %s", err, says)
		}
	}
}
