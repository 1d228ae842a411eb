package notify

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// manager stands for the service manager and gives a notifier that speaks to it.
func manager(t *testing.T, socket string, watchdog time.Duration) (*net.UnixConn, *Notifier) {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", strconv.FormatInt(watchdog.Microseconds(), 10))
	t.Setenv("WATCHDOG_PID", strconv.Itoa(os.Getpid()))
	return conn, FromEnvironment(slog.New(slog.NewTextHandler(t.Output(), nil)))
}

func receive(t *testing.T, conn *net.UnixConn) string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	buffer := make([]byte, 4096)
	n, err := conn.Read(buffer)
	if err != nil {
		t.Fatal(err)
	}
	return string(buffer[:n])
}

func TestMessages(t *testing.T) {
	for name, socket := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@trimtab-notify-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(name, func(t *testing.T) {
			conn, n := manager(t, socket, 0)
			n.Ready("1 pool")
			n.Status("two\nREADY=1\tlines ")
			n.Stopping()
			n.Watch(t.Context(), func() error { panic("nobody asked") })
			want := []string{"READY=1\nSTATUS=1 pool", "STATUS=two READY=1 lines", "STOPPING=1\nSTATUS=stopping"}
			if diff := cmp.Diff(want, []string{receive(t, conn), receive(t, conn), receive(t, conn)}); diff != "" {
				t.Errorf("messages (-want +got):\n%s", diff)
			}
		})
	}
}

func TestALongStatusIsCut(t *testing.T) {
	conn, n := manager(t, filepath.Join(t.TempDir(), "notify"), 0)
	n.Ready(strings.Repeat("é", 4000))
	if got := receive(t, conn); len(got) > 1100 || !strings.HasPrefix(got, "READY=1\nSTATUS=éé") || !utf8.ValidString(got) {
		t.Errorf("%d bytes: %.40q", len(got), got)
	}
}

func TestReloadingHasItsTime(t *testing.T) {
	conn, n := manager(t, filepath.Join(t.TempDir(), "notify"), 0)
	before, ok := monotonicMicroseconds()
	if !ok {
		t.Skip("no monotonic clock to tell the time of a reload by")
	}
	n.Reloading()
	after, _ := monotonicMicroseconds()
	fields := strings.Split(receive(t, conn), "\n")
	usec, err := strconv.ParseInt(strings.TrimPrefix(fields[1], "MONOTONIC_USEC="), 10, 64)
	if fields[0] != "RELOADING=1" || err != nil || usec < before || usec > after {
		t.Errorf("%q (%v), want RELOADING=1 and a MONOTONIC_USEC from %d to %d", fields, err, before, after)
	}
}

func TestWatchFeedsTheHealthyOnly(t *testing.T) {
	const watchdog = 200 * time.Millisecond
	conn, n := manager(t, filepath.Join(t.TempDir(), "notify"), watchdog)
	var sick atomic.Bool
	asked := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		n.Watch(ctx, func() error {
			select {
			case asked <- struct{}{}:
			default:
			}
			if sick.Load() {
				return errors.New("pool web: last step 4s ago")
			}
			return nil
		})
	})
	begun := time.Now()
	for range 8 {
		if got := receive(t, conn); got != "WATCHDOG=1" {
			t.Errorf("message %q", got)
		}
	}
	t.Logf("8 messages in %v, allowed is %v between two", time.Since(begun), watchdog)
	sick.Store(true)
	// The first may have been asked before, which is over when the second is.
	for range 2 {
		<-asked
	}
	// Messages come in the order in which they were sent: what was before a mark is known
	// when the mark is there.
	mark := func(text string) {
		if err := deliver(n.socket, text); err != nil {
			t.Fatal(err)
		}
	}
	mark("sick")
	for got := receive(t, conn); got != "sick"; got = receive(t, conn) {
		t.Logf("%q was sent before it fell sick", got)
	}
	for range 5 {
		<-asked
	}
	mark("still sick")
	if got := receive(t, conn); got != "still sick" {
		t.Errorf("message %q while sick", got)
	}
	sick.Store(false)
	if got := receive(t, conn); got != "WATCHDOG=1" {
		t.Errorf("message %q after it was well again", got)
	}
	cancel()
	group.Wait()
}

func TestWhoIsAskedForTheWatchdog(t *testing.T) {
	for _, tt := range []struct {
		usec, pid string
		want      time.Duration
	}{
		{"30000000", strconv.Itoa(os.Getpid()), 30 * time.Second},
		{"30000000", "", 30 * time.Second},
		{"30000000", "1", 0},
		{"", "", 0},
		{"0", "", 0},
		{"-1", "", 0},
		{"30s", "", 0},
	} {
		t.Setenv("WATCHDOG_USEC", tt.usec)
		t.Setenv("WATCHDOG_PID", tt.pid)
		if got := FromEnvironment(slog.New(slog.DiscardHandler)).watchdog; got != tt.want {
			t.Errorf("WATCHDOG_USEC=%q WATCHDOG_PID=%q: %v, want %v", tt.usec, tt.pid, got, tt.want)
		}
	}
}

func TestNobodyToTell(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	var log bytes.Buffer
	for _, n := range []*Notifier{nil, FromEnvironment(slog.New(slog.NewTextHandler(&log, nil)))} {
		n.Ready("")
		n.Reloading()
		n.Status("")
		n.Stopping()
		n.Watch(t.Context(), func() error { return nil })
	}
	if log.Len() > 0 {
		t.Errorf("log %s", log.String())
	}
	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	FromEnvironment(slog.New(slog.NewTextHandler(&log, nil))).Ready("")
	if !strings.Contains(log.String(), "READY=1") || !strings.Contains(log.String(), "gone") {
		t.Errorf("log %q, want what was not delivered and where", log.String())
	}
}

// A manager that does not read its socket must not hold up a reload.
func TestAManagerThatHangs(t *testing.T) {
	_, n := manager(t, filepath.Join(t.TempDir(), "notify"), 0)
	var log bytes.Buffer
	n.log = slog.New(slog.NewTextHandler(&log, nil))
	for range 10_000 {
		if n.Status("x"); log.Len() > 0 {
			break
		}
	}
	if !strings.Contains(log.String(), "i/o timeout") {
		t.Errorf("log %q, want a message given up", log.String())
	}
}
