package dns

import (
	"bytes"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	miekg "github.com/miekg/dns"

	"github.com/trimtab-lb/trimtab/scorer/assign/internal/assigntest"
)

// Addresses that do not fit beside SRV records send nobody to TCP; records that do not
// fit do.
func TestTruncated(t *testing.T) {
	for backendCount, want := range map[int]bool{2: false, 25: false, 100: true} {
		s := server(t)
		zoneFor(t, s, Options{}, assigntest.Farm(backendCount), nil)
		a := s.answer(start, query("_http._tcp.farm.example.", miekg.TypeSRV).SetEdns0(4096, false), somebody, true)
		wire, err := a.Pack()
		if err != nil || len(wire) > maxUDP {
			t.Fatalf("%d bytes, %v: want at most %d", len(wire), err, maxUDP)
		}
		if a.Truncated != want || (!want && len(a.Answer) != backendCount) {
			t.Errorf("%d backends: %d records, truncated %v; want %v", backendCount, len(a.Answer), a.Truncated, want)
		}
	}
}

// Whoever opens connections and says nothing keeps nobody else from TCP, where all go
// that are asked to come again.
func TestOneClientDoesNotTakeAllConnections(t *testing.T) {
	s, err := Listen(t.Context(), Config{Listen: "127.0.0.1:0", MaxConnections: 16})
	if err != nil {
		t.Fatal(err)
	}
	s.queryTimeout = time.Minute // no connection ends before the other client was answered
	assigntest.Run(t, s)
	zoneFor(t, s, Options{}, assigntest.Backends("10.0.0.1:80"), nil)
	for range 32 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
	}
	client := miekg.Client{Net: "tcp", Timeout: s.queryTimeout / 2, Dialer: &net.Dialer{
		LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}, Timeout: s.queryTimeout / 2,
	}}
	if _, _, err := client.Exchange(query("farm.example.", miekg.TypeA), s.Addr().String()); err != nil {
		t.Errorf("another client over TCP: %v", err)
	}
}

// Queries that follow each other without waiting are all answered, in order.
func TestPipelining(t *testing.T) {
	s := running(t)
	zoneFor(t, s, Options{}, assigntest.Backends("10.0.0.1:80"), nil)
	c, err := miekg.DialTimeout("tcp", s.Addr().String(), 10*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	const n = 50
	for i := range n {
		q := query("farm.example.", miekg.TypeA)
		q.Id = uint16(i)
		if err := c.WriteMsg(q); err != nil {
			t.Fatal(err)
		}
	}
	for i := range n {
		a, err := c.ReadMsg()
		if err != nil || a.Id != uint16(i) || len(a.Answer) != 1 {
			t.Fatalf("answer %d: %v, %v", i, a, err)
		}
	}
}

// What is no message is answered by no more bytes than it has, if at all, and does not
// stop the server.
func TestMalformedIsNotAmplified(t *testing.T) {
	s := running(t)
	zoneFor(t, s, Options{}, assigntest.Backends("10.0.0.1:80"), nil)
	good, err := query("farm.example.", miekg.TypeA).SetEdns0(4096, true).Pack()
	if err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 64<<10)
	for name, message := range map[string][]byte{
		"nothing":                                 {},
		"half a header":                           good[:6],
		"no question":                             good[:12],
		"half a question":                         good[:20],
		"EDNS that is cut off":                    good[:len(good)-3],
		"a pointer to itself":                     append(append([]byte{}, good[:12]...), 0xc0, 0x0c, 0, 1, 0, 1),
		"65535 questions":                         append(append([]byte{}, good[0], good[1], 1, 0, 0xff, 0xff), good[6:]...),
		"65535 additional":                        append(append([]byte{}, good[:10]...), append([]byte{0xff, 0xff}, good[12:]...)...),
		"an answer":                               append([]byte{good[0], good[1], 0x81}, good[3:]...),
		"questions that point to a long name":     many(good[:12], 100, 0),
		"an addition that points to a long name":  many(good[:12], 1, 100),
		"a question that is longer than it seems": folded(good[:12]),
		"an EDNS option too long":                 append(append([]byte{}, good[:len(good)-2]...), 0xff, 0xff),
	} {
		c, err := net.Dial("udp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		if _, err := c.Write(message); err != nil {
			t.Fatal(err)
		}
		if err := c.SetReadDeadline(time.Now().Add(200 * time.Millisecond)); err != nil { // for no answer
			t.Fatal(err)
		}
		if n, err := c.Read(answer); n > len(message) {
			t.Errorf("%s: %d bytes are answered by %d", name, len(message), n)
		} else if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatal(err)
		}
	}
	if out, err := miekg.Exchange(query("farm.example.", miekg.TypeA), s.Addr().String()); err != nil || len(out.Answer) != 1 {
		t.Errorf("answers %v, %v to a proper query after that", out, err)
	}
}

// reserved is what no label begins with.
const reserved = 0x80

// many is a message of a long name and of questions and additional records that point
// to it, and of another record that is none.
func many(header []byte, questions, additional int) []byte {
	m := append([]byte{}, header...)
	m[4], m[5], m[10], m[11] = 0, byte(questions), 0, byte(additional+1)
	for range 3 {
		m = append(append(m, 63), bytes.Repeat([]byte{'a'}, 63)...)
	}
	m = append(m, 0, 0, 1, 0, 1)
	for range questions - 1 {
		m = append(m, 0xc0, 12, 0, 1, 0, 1)
	}
	for range additional {
		m = append(m, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0)
	}
	return append(m, reserved)
}

// folded is a message whose name has labels that overlap: it is longer than what it is
// read from. What follows it is broken.
func folded(header []byte) []byte {
	m := append([]byte{}, header...)
	m[11] = 1
	const begin, labels = 12, 3
	label := bytes.Repeat([]byte{1}, 60)
	for i := range labels { // each label begins within the one before
		label[2*i] = byte(60 - 2*i)
	}
	m = append(append(m, 60), label...)
	m = append(m, 0xc0, begin+1, 0, 1, 0, 1)
	return append(m, reserved)
}
