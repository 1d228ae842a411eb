package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// ignoreCost leaves out what a result says about listing.
var ignoreCost = cmpopts.IgnoreFields(CloseResult{}, "Listings", "Listed", "Slowest")

func closerOf(t testing.TB, in *instance.Instance) *Closer {
	t.Helper()
	return newProxy(t, Config{Socket: in.Socket()}).Backend("ws").Closer()
}

func wantResult(t testing.TB, got, want CloseResult, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, ignoreCost); diff != "" {
		t.Fatal(diff)
	}
}

// before30 says whether a HAProxy is one whose ages say nothing about requests.
func before30(t testing.TB, binary string) bool {
	t.Helper()
	return strings.HasPrefix(versionOf(t, binary), "2.")
}

func TestCloseTakesTheOldestOrTheYoungest(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := tunnelled(t, binary, "s1")
		c := closerOf(t, in)
		old := openTunnels(t, in.Addr(0), 6)
		aged(t, in, "ws", "s1", 6)
		young := openTunnels(t, in.Addr(0), 6)
		aged(t, in, "ws", "s1", 12)

		got, err := c.Close(t.Context(), CloseRequest{Selection: Selection{Server: "s1"}, Count: 4})
		wantResult(t, got, CloseResult{Began: 12, Asked: 4, Closed: 4, Left: 8}, err)
		old.wantEnded(t, 4)
		got, err = c.Close(t.Context(), CloseRequest{Selection: Selection{Server: "s1", Order: Youngest}, Count: 3})
		wantResult(t, got, CloseResult{Began: 8, Asked: 3, Closed: 3, Left: 5}, err)
		young.wantEnded(t, 3)
		// More than there are old enough is as many as there are.
		got, err = c.Close(t.Context(), CloseRequest{Selection: Selection{Server: "s1", MinAge: time.Hour}, Count: 3})
		wantResult(t, got, CloseResult{Began: 5, Left: 5}, err)
		got, err = c.Close(t.Context(), CloseRequest{Selection: Selection{Server: "s1"}, Count: 100})
		wantResult(t, got, CloseResult{Began: 5, Asked: 5, Closed: 5}, err)
		old.wantEnded(t, 6)
		young.wantEnded(t, 6)
	})
}

func TestCloseTouchesNobodyElse(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := tunnelled(t, binary, "s1", "s11")
		c := closerOf(t, in)
		neighbour, elsewhere := openTunnels(t, in.Addr(1), 5), openTunnels(t, in.Addr(2), 5)
		requests, events := newTunnels(t, in.Addr(0)), newTunnels(t, in.Addr(0))
		for path, s := range map[string]*tunnels{"/wait": requests, "/events": events, "/": requests} {
			if err := s.dial(path); err != nil {
				t.Fatal(err)
			}
		}
		mine := openTunnels(t, in.Addr(0), 7)
		aged(t, in, "ws", "s1", 7)
		young := openTunnels(t, in.Addr(0), 2)

		got, err := c.Close(t.Context(), CloseRequest{Selection: Selection{Server: "s1"}, Count: 100})
		wantResult(t, got, CloseResult{Began: 9, Asked: 7, Closed: 7, Left: 2}, err)
		mine.wantEnded(t, 7)
		for name, s := range map[string]*tunnels{
			"another server's": neighbour, "another backend's": elsewhere, "requests": requests, "events": events, "young": young,
		} {
			if n := len(s.ends()); n != 0 {
				t.Errorf("%d of %s were closed", n, name)
			}
		}

		// The young ones come to this age seconds later: they are younger by as much as
		// the others took to be old enough.
		const old = 7 * time.Second
		want := CloseResult{Began: 3, Asked: 1, Closed: 1, Left: 2}
		if before30(t, binary) {
			want = CloseResult{Began: 2, Left: 2}
		}
		until(t, eventually, func() error {
			for _, s := range streamsOf(t, []byte(ask(t, in, "show sess")), "ws", "s1") {
				if s.doing == responding && (s.age.least >= old || before30(t, binary)) {
					return nil
				}
			}
			return errors.New("the events are too young")
		})
		got, err = c.Close(t.Context(), CloseRequest{Selection: Selection{Server: "s1", Responses: true, MinAge: old}, Count: 100})
		wantResult(t, got, want, err)
		events.wantEnded(t, want.Closed)
		if n := len(young.ends()) + len(requests.ends()); n != 0 {
			t.Errorf("%d of the others were closed", n)
		}
	})
}

// Between a list and its use, streams end and others get their places.
func TestOneInThePlaceOfAnotherIsNotClosed(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := tunnelled(t, binary, "s1")
		p := newProxy(t, Config{Socket: in.Socket()})
		first := openTunnels(t, in.Addr(0), 20)
		aged(t, in, "ws", "s1", 20)
		done, err := p.closers.use(t.Context(), place{"ws", "s1"})
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		l, err := p.closers.list(t.Context(), place{"ws", "s1"})
		if err != nil || len(l.targets) != 20 {
			t.Fatalf("%d listed: %v", len(l.targets), err)
		}
		first.leave(20)
		until(t, eventually, func() error {
			if n := len(streamsOf(t, []byte(ask(t, in, "show sess")), "ws", "s1")); n != 0 {
				return fmt.Errorf("%d are still there", n)
			}
			return nil
		})
		outcomes, err := p.closers.close(t.Context(), &l, place{"ws", "s1"}, l.targets[:10])
		if err != nil || cmp.Diff(outcomes, slices.Repeat([]outcome{outcomeGone}, 10)) != "" {
			t.Fatalf("of those that have left: %v, %v", outcomes, err)
		}

		second := openTunnels(t, in.Addr(0), 40)
		places := map[string]bool{}
		for _, s := range streamsOf(t, []byte(ask(t, in, "show sess")), "ws", "s1") {
			places[s.pointer] = true
		}
		var taken []target
		for _, l := range l.targets {
			if places[l.pointer] {
				taken = append(taken, l)
			}
		}
		if len(taken) == 0 {
			t.Fatal("no place was taken again")
		}
		outcomes, err = p.closers.close(t.Context(), &l, place{"ws", "s1"}, taken)
		if err != nil || cmp.Diff(outcomes, slices.Repeat([]outcome{outcomeGone}, len(taken))) != "" {
			t.Fatalf("of those whose places were taken: %v, %v", outcomes, err)
		}
		t.Logf("%d of 20 places were taken again", len(taken))
		if n := len(second.ends()); n != 0 {
			t.Errorf("%d were closed that nobody had listed", n)
		}
	})
}

func TestClosingByAHungHAProxyIsAnErrorSoon(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := tunnelled(t, binary, "s1")
		c := closerOf(t, in)
		all := openTunnels(t, in.Addr(0), 60)
		aged(t, in, "ws", "s1", 60)
		began := time.Now()
		stopped := time.Time{}
		const over = 2 * time.Second
		request := DrainRequest{Selection: Selection{Server: "s1"}, Over: over, Start: began}
		request.Progress = func(r CloseResult) {
			if r.Closed == 20 {
				halt(t, in)
				stopped = time.Now()
			}
		}
		got, err := c.Drain(t.Context(), request)
		wantKind(t, err, ErrHung)
		if took := time.Since(stopped); stopped.IsZero() || took > errorWithin+pauses {
			t.Errorf("an error %v after it was stopped", took)
		}
		if got.Began != 60 || got.Closed != 20 || got.Left != 40 {
			t.Errorf("%+v", got)
		}
		if _, err := c.Close(t.Context(), CloseRequest{Selection: Selection{Server: "s1"}, Count: 1}); !errors.Is(err, ErrHung) {
			t.Errorf("an attempt at one that is stopped: %v", err)
		}

		// It goes on where it was, and late.
		if err := in.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		// When each was told: HAProxy may take its time with those told before.
		var told []time.Time
		request.Began, request.Progress = got.Began, func(r CloseResult) {
			for len(told) < r.Closed+r.Gone {
				told = append(told, time.Now())
			}
		}
		rest, err := c.Drain(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		// One may have been told and not answered for.
		if done := rest.Closed + rest.Gone; rest.Left != 0 || rest.Began != 60 || done < 39 || done > 40 {
			t.Errorf("%+v", rest)
		}
		all.wantEnded(t, 60)
		ends := all.ends()
		t.Logf("all gone %v after the start; burst of the rest %.2f", ends[59].Sub(began).Round(time.Millisecond), burst(ends[22:], 500*time.Millisecond, over*38/60))
		if late := told[len(told)-1].Sub(told[1]); late < over*time.Duration(len(told)-2)/60/2 {
			t.Errorf("the rest was told within %v, at more than twice the even rate", late)
		}
	})
}

func TestCloseSaysWhatIsWrong(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		options := tunnelOptions(binary, tunnelServer(t), "s1")
		options.Config = strings.Replace(options.Config, "level admin", "level admin\n  stats socket @SOCKET@.o level operator", 1)
		in := start(t, options)
		openTunnels(t, in.Addr(0), 2)
		c := closerOf(t, in)
		ok := CloseRequest{Selection: Selection{Server: "s1"}, Count: 1}
		for name, spoil := range map[string]func(*CloseRequest){
			"count":       func(r *CloseRequest) { r.Count = 0 },
			"order":       func(r *CloseRequest) { r.Order = "random" },
			"jitter":      func(r *CloseRequest) { r.Jitter = 1.5 },
			"less":        func(r *CloseRequest) { r.Over = -1 },
			"server name": func(r *CloseRequest) { r.Server = "s1;shutdown" },
		} {
			r := ok
			spoil(&r)
			if _, err := c.Close(t.Context(), r); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s: %v", name, err)
			}
		}
		// 2.6 and 3.0 cannot say.
		nobody := ok
		nobody.Server = "s2"
		got, err := c.Close(t.Context(), nobody)
		if diff := cmp.Diff(CloseResult{}, got, ignoreCost); diff != "" || err != nil && !errors.Is(err, ErrNoSuchServer) {
			t.Errorf("%v, %s", err, diff)
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = c.Close(ended, ok)
		wantKind(t, err, context.Canceled)

		aged(t, in, "ws", "s1", 2)
		operator := newProxy(t, Config{Socket: in.Socket() + ".o"}).Backend("ws").Closer()
		got, err = operator.Close(t.Context(), ok)
		wantKind(t, err, ErrPermission)
		if got.Closed != 0 {
			t.Errorf("closed %d", got.Closed)
		}
		nowhere := newProxy(t, Config{Socket: in.Socket() + ".none"}).Backend("ws").Closer()
		began := time.Now()
		_, err = nowhere.Close(t.Context(), ok)
		wantKind(t, err, ErrUnreachable)
		if took := time.Since(began); took > patience+2*time.Second+pauses {
			t.Errorf("took %v", took)
		}
	})
}

// Before 3.2 a list is of all servers, so that one is enough for all who wait for it:
// with a hundred servers, lists of their own would keep HAProxy busy all the time.
func TestServersShareAList(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		var names []string
		for i := range 12 {
			names = append(names, fmt.Sprintf("s%d", i+1))
		}
		in := tunnelled(t, binary, names...)
		p := newProxy(t, Config{Socket: in.Socket()})
		var all []*tunnels
		for i := range names {
			all = append(all, openTunnels(t, in.Addr(i), 10))
		}
		for _, name := range names {
			aged(t, in, "ws", name, 10)
		}
		type done struct {
			CloseResult
			err error
		}
		results := make(chan done)
		before := p.closers.worker.commands.Load()
		for _, name := range names {
			go func() {
				r, err := p.Backend("ws").Closer().Close(t.Context(), CloseRequest{
					Selection: Selection{Server: name, Jitter: 1}, Count: 2, Over: 800 * time.Millisecond,
				})
				results <- done{r, err}
			}()
		}
		for range names {
			r := <-results
			wantResult(t, r.CloseResult, CloseResult{Began: 10, Asked: 2, Closed: 2, Left: 8}, r.err)
		}
		for _, s := range all {
			s.wantEnded(t, 2)
		}
		// Two commands a list, and two for each that is closed.
		lists := (int(p.closers.worker.commands.Load()-before) - 2*2*len(names)) / 2
		t.Logf("%d servers at a time: %d lists", len(names), lists)
		if filters, want := listsOne(versionOf(t, binary)), 4; !filters && lists > want {
			t.Errorf("%d lists for %d servers", lists, len(names))
		}
	})
}

// What is closed and polled at the same time, through as few connections as
// there may be, comes to no harm.
func TestManyCloseAtOnce(t *testing.T) {
	in := tunnelled(t, system(t), "s1", "s2", "s3", "s4")
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	run(t, p)
	watched(t, b)
	var all []*tunnels
	for i := range 4 {
		all = append(all, openTunnels(t, in.Addr(i), 25))
	}
	for i := range 4 {
		aged(t, in, "ws", fmt.Sprintf("s%d", i+1), 25)
	}
	done := make(chan error)
	for i := range 12 {
		go func() {
			_, err := b.Closer().Close(t.Context(), CloseRequest{
				Selection: Selection{Server: fmt.Sprintf("s%d", i%4+1), Jitter: 1}, Count: 5, Over: time.Second / 2,
			})
			done <- err
		}()
	}
	for range 12 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	for i, s := range all {
		until(t, eventually, func() error {
			// Three that pick the same ones share what they were asked for.
			if n := len(s.ends()); n < 5 || n > 15 {
				return fmt.Errorf("s%d: %d ended", i+1, n)
			}
			return nil
		})
	}
	if conn := p.closers.worker.conn; conn != net.Conn(nil) {
		t.Error("the connection stays when nobody closes any more")
	}
}
