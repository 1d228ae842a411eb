package agentcheck

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestAnswers(t *testing.T) {
	var log journal
	s, _ := listening(t, Config{Logger: log.logger()})
	if got := asked(t, s, "ws/s1\n"); got != "\n" {
		t.Errorf("before any plan: %q", got)
	}
	web := target(t, s, "ws", TargetOptions{InitialWeight: 100})
	p := draining(plan(1, 0.5, 0, 1), 4)
	p.Decisions[2].Weight, p.Decisions[2].Pulse = 1, 50*time.Millisecond
	settle(t, web, p)
	for _, test := range []struct{ text, want string }{
		{"ws/s1\n", "100%\n"},
		{"ws/s1\r\n", "100%\n"},
		{"s2\n", "50%\n"}, // the only pool
		{"ws/s2\nand more\n", "50%\n"},
		{"ws/s3\n", "0%\n"}, // a pulse cannot be timed
		{"ws/s4\n", "0%\n"},
		{"ws/other\n", "\n"},
		{"ws/other\n", "\n"},
		{"other/s1\n", "\n"},
		{"\n", ""},
		{"ws/\n", ""},
		{"/s1\n", ""},
		{"ws/s1/s2\n", ""},
		{"ws /s1\n", ""},
		{"GET / HTTP/1.1\r\n\r\n", ""},
		{strings.Repeat("x", 5000), ""},
		{"\x16\x03\x01\x00\xa5\x01\n", ""},
	} {
		if got := asked(t, s, test.text); got != test.want {
			t.Errorf("%.40q is answered %q, want %q", test.text, got, test.want)
		}
	}
	want := Stats{Asked: 10, Answered: 6, Unknown: 4, Malformed: 8}
	if diff := cmp.Diff(want, s.Stats()); diff != "" {
		t.Errorf("counted (-want +got)\n%s", diff)
	}
	if a, b := log.count("a backend that no pool has"), log.count("for nothing that is known"); a != 3 || b != 1 {
		t.Errorf("warned %d times of unknown names and %d times of garbage, want once for each:\n%s", a, b, log.text.String())
	}

	// With a second pool, a plain name is nobody's.
	other := target(t, s, "api", TargetOptions{})
	apply(t, other, plan(1))
	if got := asked(t, s, "s2\n"); got != "\n" {
		t.Errorf("a plain name with two pools: %q", got)
	}
	other.Close()
	if got := asked(t, s, "s2\n"); got != "50%\n" {
		t.Errorf("a plain name with one pool again: %q", got)
	}
}

// Who says nothing, or does not end it, is waited for until the deadline.
func TestUnfinishedRequestsAreNotAnswered(t *testing.T) {
	var log journal
	s, _ := listening(t, Config{Deadline: 200 * time.Millisecond, Logger: log.logger()})
	apply(t, target(t, s, "ws", TargetOptions{InitialWeight: 100}), plan(1))
	for _, text := range []string{"ws/s1", ""} {
		if got := asked(t, s, text); got != "" {
			t.Errorf("%q is answered %q", text, got)
		}
	}
	if diff := cmp.Diff(Stats{Malformed: 2}, s.Stats()); diff != "" {
		t.Errorf("counted (-want +got)\n%s", diff)
	}
	if n := log.count("for nothing that is known"); n != 1 {
		t.Errorf("warned %d times", n)
	}
}

func TestNamesThatAreUnknownFillNothing(t *testing.T) {
	var log journal
	s, _ := listening(t, Config{Logger: log.logger()})
	apply(t, target(t, s, "ws", TargetOptions{}), plan(1))
	for i := range 2 * maxNotes {
		s.answer(name{"ws", strings.Repeat("x", i+1)}, netip.MustParseAddr("10.0.0.1"), time.Now())
	}
	if n := log.count("a backend that no pool has"); n != maxNotes {
		t.Errorf("%d warnings", n)
	}
	if n := len(s.board("ws").told); n != 0 {
		t.Errorf("%d names are kept", n)
	}
}

func TestOnlyWhoIsAllowedIsAnswered(t *testing.T) {
	for network, want := range map[string]string{"127.0.0.0/8": "100%\n", "10.0.0.0/8": ""} {
		s, _ := listening(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix(network)}})
		apply(t, target(t, s, "ws", TargetOptions{}), plan(1))
		if got := asked(t, s, "ws/s1\n"); got != want {
			t.Errorf("only %s: answered %q, want %q", network, got, want)
		}
	}
}

func TestWhoIsAllowedChanges(t *testing.T) {
	s, _ := listening(t, Config{Allow: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	apply(t, target(t, s, "ws", TargetOptions{}), plan(1))
	for _, step := range []struct {
		allow []netip.Prefix
		valid bool
		want  string
	}{
		{[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, true, "100%\n"},
		{[]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, true, ""},
		{nil, true, "100%\n"},
		{[]netip.Prefix{{}}, false, "100%\n"},
	} {
		if err := s.Allow(step.allow); (err == nil) != step.valid {
			t.Errorf("allow %v: %v", step.allow, err)
		}
		if got := asked(t, s, "ws/s1\n"); got != step.want {
			t.Errorf("allow %v: answered %q, want %q", step.allow, got, step.want)
		}
	}
}

func TestTooManyAreClosedAndTheRestGoesOn(t *testing.T) {
	s, _ := listening(t, Config{MaxConnections: 2, Deadline: time.Hour})
	apply(t, target(t, s, "ws", TargetOptions{}), plan(1))
	var idle []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		idle = append(idle, c)
	}
	if got := asked(t, s, "ws/s1\n"); got != "" {
		t.Errorf("the third of two was answered %q", got)
	}
	if got := s.Stats().Refused; got != 1 {
		t.Errorf("%d refused", got)
	}
	for _, c := range idle {
		_ = c.Close()
	}
	until(t, eventually, func() error {
		if got := asked(t, s, "ws/s1\n"); got != "100%\n" {
			return net.ErrClosed
		}
		return nil
	})
}

// pass lets time pass, in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// Who opens a connection and says nothing does not keep Run from ending.
func TestRunEndsWithItsConnections(t *testing.T) {
	s, stop := listening(t, Config{Deadline: time.Hour})
	c, err := net.Dial("tcp", s.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := c.Write([]byte("ws")); err != nil {
		t.Fatal(err)
	}
	stop()
	if err := c.SetReadDeadline(time.Now().Add(eventually)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("the connection is still open: %v", err)
	}
}

func TestListenRefuses(t *testing.T) {
	for _, c := range []Config{
		{Listen: "nonsense"},
		{Listen: "127.0.0.1:99999"},
		{Listen: "127.0.0.1:0", Allow: []netip.Prefix{{}}},
	} {
		if s, err := Listen(t.Context(), c); err == nil {
			_ = s.Close()
			t.Errorf("%+v was taken", c)
		}
	}
}

// What a server can answer, each request over a connection of its own.
func BenchmarkAsk(b *testing.B) {
	s, err := Listen(b.Context(), Config{Listen: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	web, err := s.Target("ws", TargetOptions{InitialWeight: 100})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := web.Apply(b.Context(), plan(1, 1)); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	room := make([]byte, 16)
	for b.Loop() {
		c, err := net.Dial("tcp", s.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := c.Write([]byte("ws/s1\n")); err != nil {
			b.Fatal(err)
		}
		if n, err := c.Read(room); err != nil || string(room[:n]) != "100%\n" {
			b.Fatalf("%q, %v", room[:n], err)
		}
		_ = c.Close()
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "asks/s")
	cancel()
	if err := <-ended; err != nil {
		b.Error(err)
	}
}

// FuzzRequest reads requests in pieces of any size.
func FuzzRequest(f *testing.F) {
	for _, text := range []string{"ws/s1\n", "s1\r\n", "\n", "", "a/b/c\n", "ws/s1", "ws\x00/s1\n", "\xff/\xfe\n", strings.Repeat("x", maxLine+1) + "\n"} {
		f.Add([]byte(text), 3)
	}
	f.Fuzz(func(t *testing.T, text []byte, piece int) {
		line, err := readLine(&pieces{text, max(piece, 1)}, make([]byte, maxLine))
		if err != nil {
			return
		}
		if before, _, ok := bytes.Cut(text, []byte{'\n'}); !ok || !bytes.Equal(before, line) {
			t.Fatalf("%q was read as %q", text, line)
		}
		n, err := parseName(line)
		if err != nil {
			return
		}
		if n.backend == "" || strings.ContainsAny(n.backend+n.pool, "/ \r\n\t") {
			t.Errorf("%q has the name %+v", line, n)
		}
		if n.String() != strings.TrimSuffix(string(line), "\r") {
			t.Errorf("%q is written %q", line, n)
		}
	})
}

type pieces struct {
	text []byte
	size int
}

func (p *pieces) Read(room []byte) (int, error) {
	if len(p.text) == 0 {
		return 0, net.ErrClosed
	}
	n := copy(room[:min(len(room), p.size)], p.text)
	p.text = p.text[n:]
	return n, nil
}

func TestTargetRefuses(t *testing.T) {
	s, _ := listening(t, Config{})
	for pool, o := range map[string]TargetOptions{
		"":      {},
		"a/b":   {},
		"a b":   {},
		"grün":  {},
		"large": {InitialWeight: 257},
		"less":  {InitialWeight: -1},
		"one":   {InitialWeights: map[string]int{"s1": 0}},
		"drain": {Drain: "nonsense"},
	} {
		if _, err := s.Target(pool, o); err == nil {
			t.Errorf("pool %q with %+v was taken", pool, o)
		}
	}
	if in := apply(t, target(t, s, "ws", TargetOptions{}), scorer.Plan{Mode: scorer.DryRun}); len(in.Shares) != 0 || in.Pulses {
		t.Errorf("in force before anything is known: %+v", in)
	}
}
