package haproxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

func session(t testing.TB, socket string) *Session {
	t.Helper()
	s, err := NewSession(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// exchange returns the replies to commands.
func exchange(s *Session, commands ...string) ([]string, error) {
	var out []string
	_, err := s.Exchange(context.Background(), commands, func(i int, text []byte) error {
		if i != len(out) {
			return fmt.Errorf("reply %d after %d replies", i, len(out))
		}
		out = append(out, string(text))
		return nil
	})
	return out, err
}

func TestParseSocket(t *testing.T) {
	for text, want := range map[string][2]string{
		"/run/haproxy/admin.sock":      {"unix", "/run/haproxy/admin.sock"},
		"unix@/run/haproxy/admin.sock": {"unix", "/run/haproxy/admin.sock"},
		"./master.sock":                {"unix", "./master.sock"},
		"abns@name":                    {"unix", "@name"},
		"localhost:9999":               {"tcp", "localhost:9999"},
		"ipv4@127.0.0.1:9999":          {"tcp", "127.0.0.1:9999"},
		"ipv6@[::1]:9999":              {"tcp", "[::1]:9999"},
		"[::1]:9999":                   {"tcp", "[::1]:9999"},
	} {
		network, address, err := ParseSocket(text)
		if err != nil || network != want[0] || address != want[1] {
			t.Errorf("%q: got %s %s %v", text, network, address, err)
		}
	}
	for _, text := range []string{"", "unix@", "admin.sock", "sockpair@3", "127.0.0.1:"} {
		if _, _, err := ParseSocket(text); err == nil {
			t.Errorf("%q is taken for an address", text)
		}
	}
}

func TestRepliesComeInOrderHoweverManyCommands(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, 2)
		s := session(t, in.Socket())
		var commands, want []string
		for i := range 3000 {
			w := i % 256
			commands = append(commands, fmt.Sprintf("set server ws/s1 weight %d", w), "get weight ws/s1")
			want = append(want, "", fmt.Sprintf("%d (initial 100)", w))
		}
		for range 2 {
			got, err := exchange(s, commands...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatal(diff)
			}
		}
		if n := s.connects.Load(); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestManyCallersShareAConnection(t *testing.T) {
	in := unserved(t, system(t), 8)
	s := session(t, in.Socket())
	var group sync.WaitGroup
	for i := 1; i <= 8; i++ {
		group.Go(func() {
			server := fmt.Sprintf("ws/s%d", i)
			for range 50 {
				got, err := exchange(s, fmt.Sprintf("set server %s weight %d", server, i), "get weight "+server)
				if want := fmt.Sprintf("%d (initial 100)", i); err != nil || got[1] != want {
					t.Errorf("got %q, %v; want %q", got, err, want)
				}
			}
		})
	}
	group.Wait()
	if n := s.connects.Load(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

func TestAskingOverTCP(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := start(t, instance.Options{
			Binary: binary, Listeners: 1,
			Config: strings.Replace(preamble, "defaults", "  stats socket @FD0@ level operator\ndefaults", 1) +
				"backend ws\n" + serverLines(2, ""),
		})
		s := session(t, "ipv4@"+in.Addr(0))
		got, err := exchange(s, "get weight ws/s1")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"1 (initial 1)"}, got); diff != "" {
			t.Error(diff)
		}
		if s.Level() != "operator" {
			t.Errorf("level %q", s.Level())
		}
	})
}

func TestRefusals(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := start(t, instance.Options{
			Binary: binary,
			Config: preamble + "backend ws\n" + serverLines(2, "") + "backend hashed\n  balance source\n" + serverLines(2, "weight 3"),
		})
		s := session(t, in.Socket())
		for command, kind := range map[string]error{
			"set server ws/s9 weight 1":     ErrNoSuchServer,
			"set server nope/s1 weight 1":   ErrNoSuchBackend,
			"set server hashed/s1 weight 2": ErrStaticAlgorithm,
			"set server ws/s1 weight 257":   ErrBadWeight,
			"set server ws/s1 weight x":     ErrBadWeight,
			"frobnicate the server":         ErrUnknownCommand,
			"show stat nope 4 -1":           ErrNoSuchBackend,
			"show servers state nope":       ErrNoSuchBackend,
		} {
			got, err := exchange(s, command, "get weight ws/s1")
			if err != nil {
				t.Fatalf("%q: %v", command, err)
			}
			refusal := refused(command, []byte(got[0]))
			wantKind(t, refusal, kind)
			if severityOf([]byte(got[0])) < 0 {
				t.Errorf("%q: reply %q without a severity", command, got[0])
			}
			if got[1] != "1 (initial 1)" {
				t.Errorf("%q: the next reply is %q", command, got[1])
			}
		}
	})
}

// scripted is a peer that answers the greeting and then as told.
func scripted(t *testing.T, talk func(c net.Conn, lines *bufio.Scanner)) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var group sync.WaitGroup
	group.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			group.Go(func() {
				defer func() { _ = c.Close() }()
				lines := bufio.NewScanner(c)
				for range workerDialect().greeting {
					lines.Scan()
					_, _ = io.WriteString(c, "\n> ")
				}
				talk(c, lines)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); group.Wait() })
	return socket
}

func TestBrokenReplies(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		hold   bool
		kind   error
	}{
		"closed at once":          {"", false, ErrUnreachable},
		"cut short":               {"# pxname,svn", false, ErrUnreachable},
		"prompt cut short":        {"text\n>", false, ErrUnreachable},
		"silent":                  {"", true, ErrHung},
		"stops in the middle":     {"# pxname,svn", true, ErrHung},
		"first answered, no more": {"one\n> ", true, ErrHung},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket := scripted(t, func(c net.Conn, lines *bufio.Scanner) {
				lines.Scan()
				_, _ = io.WriteString(c, test.answer)
				for test.hold && lines.Scan() {
				}
			})
			s := session(t, socket)
			began := time.Now()
			_, err := exchange(s, "show stat", "show info")
			wantKind(t, err, test.kind)
			if took := time.Since(began); took > errorWithin+pauses {
				t.Errorf("took %v", took)
			}
			if !strings.Contains(err.Error(), socket) {
				t.Errorf("error %v does not name the socket", err)
			}
			if s.conn != nil {
				t.Error("the connection would be used again")
			}
		})
	}
}

func TestBytesThatArriveOneByOne(t *testing.T) {
	const reply = "a line\n>no prompt\n > nor this\n"
	socket := scripted(t, func(c net.Conn, lines *bufio.Scanner) {
		for lines.Scan() {
			for _, b := range []byte(reply + "\n> ") {
				_, _ = c.Write([]byte{b})
			}
		}
	})
	s := session(t, socket)
	for range 3 {
		got, err := exchange(s, "show this", "show that")
		if err != nil {
			t.Fatal(err)
		}
		want := strings.TrimSpace(reply)
		if diff := cmp.Diff([]string{want, want}, got); diff != "" {
			t.Fatal(diff)
		}
	}
}

func TestACallerThatGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	began := make(chan time.Time, 1)
	// It gives up when it surely waits, and long before the answer is overdue.
	socket := scripted(t, func(_ net.Conn, lines *bufio.Scanner) {
		for lines.Scan() {
			if ctx.Err() == nil {
				began <- time.Now()
				cancel()
			}
		}
	})
	s := session(t, socket)
	_, err := s.Exchange(ctx, []string{"show stat"}, func(int, []byte) error { return nil })
	wantKind(t, err, context.Canceled)
	if errors.Is(err, ErrHung) {
		t.Errorf("%v: blames HAProxy", err)
	}
	if took := time.Since(<-began); took > time.Second+pauses {
		t.Errorf("took %v", took)
	}
}

func TestNobodyThere(t *testing.T) {
	s := session(t, filepath.Join(t.TempDir(), "nobody"))
	began := time.Now()
	for range 5 {
		_, err := exchange(s, "show info")
		wantKind(t, err, ErrUnreachable)
	}
	if took := time.Since(began); took > 3*time.Second+pauses || took < 20*time.Millisecond {
		t.Errorf("five attempts took %v: expected pauses that grow from none", took)
	}
}

func TestNamesThatCouldBeCommands(t *testing.T) {
	for _, name := range []string{
		"", " ", "s1 weight 0", "s1;show info", "s1\nshow info", "s1\r", "s1\t", "a\\ b", "s/1", "s\x00", "s\x7f", "sé", "s1 <<",
	} {
		wantKind(t, checkName("server", name), ErrBadName)
	}
	for _, name := range []string{"s1", "a.b:c_d-e", "10.0.0.1:8080", "1", "S"} {
		if err := checkName("server", name); err != nil {
			t.Error(err)
		}
	}
	in := unserved(t, system(t), 2)
	p := newProxy(t, Config{Socket: in.Socket()})
	for _, name := range []string{"ws;disable server ws/s1", "ws\nset server ws/s1 weight 0"} {
		_, err := p.Backend(name).Apply(t.Context(), static(map[string]float64{"s1": 1}))
		wantKind(t, err, ErrBadName)
	}
	if err := wantWeight(t, in, "ws/s1", 100); err != nil {
		t.Error(err)
	}
}

func TestRoomOfALongReplyIsGivenBack(t *testing.T) {
	in := unserved(t, system(t), 500)
	s, err := NewSession(in.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ask := func(command string) (length int) {
		t.Helper()
		_, err := s.Exchange(t.Context(), []string{command}, func(_ int, text []byte) error {
			length = len(text)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return length
	}
	long := ask("show stat")
	if len(s.buffer) < long {
		t.Fatalf("a reply of %d bytes in a buffer of %d", long, len(s.buffer))
	}
	for range 2 * shrinkAfter {
		ask("show info")
	}
	if len(s.buffer) > long/2 {
		t.Errorf("the buffer keeps %d bytes for replies of %d", len(s.buffer), ask("show info"))
	}
	if again := ask("show stat"); again < long-200 {
		t.Errorf("the long reply has %d bytes now, had %d", again, long)
	}
}
