package haproxy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

func TestNoMoreIsAskedForThanIsWatched(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := start(t, instance.Options{
			Binary: binary,
			Config: preamble + "backend a\n" + serverLines(3, "") + "backend b\n" + serverLines(3, "") + "backend big\n" + serverLines(100, ""),
		})
		p := newProxy(t, Config{Socket: in.Socket()})
		asked := func() []string {
			_, requests := p.statRequests(p.watched())
			var out []string
			for _, r := range requests {
				out = append(out, r.command)
			}
			return out
		}
		byNumber := func(backends ...string) (out []string) {
			for _, b := range backends {
				out = append(out, "show stat #"+map[string]string{"a": "2", "b": "3", "big": "4"}[b]+" 6 -1")
			}
			return out
		}
		const all = "show stat -1 6 -1"
		want := func(commands ...string) {
			t.Helper()
			if diff := cmp.Diff(commands, asked()); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		}

		want()
		a := watched(t, p.Backend("a"))
		want(all) // its number is not known yet
		a.poll(t)
		want(byNumber("a")...)
		nope := watched(t, p.Backend("nope"))
		want(all)
		a.poll(t)
		want(byNumber("a")...) // one that is not there is not looked for each time
		nope.backend.watchers.Add(-1)
		defer nope.backend.watchers.Add(1)
		watched(t, p.Backend("b"))
		a.poll(t)
		want(byNumber("a", "b")...)
		watched(t, p.Backend("big"))
		a.poll(t)
		want(all) // cheaper than each
	})
}

func TestQuickestPollSetsThePace(t *testing.T) {
	polls := make([]time.Duration, pollMemory)
	if got := quickest(polls); got != 0 {
		t.Errorf("of none: %v", got)
	}
	polls[3], polls[5] = 9*time.Millisecond, 4*time.Millisecond
	if got := quickest(polls); got != 4*time.Millisecond {
		t.Errorf("got %v", got)
	}
}

func TestTroubleIsLoggedOnce(t *testing.T) {
	in := unserved(t, system(t), 2)
	var log journal
	p := newProxy(t, Config{Socket: in.Socket(), PollInterval: 10 * time.Millisecond, Logger: log.logger()})
	w := p.Backend("ws")
	run(t, p)
	w.watchers.Add(1)
	until(t, eventually, func() error { _, err := p.fresh(t.Context(), w); return err })
	halt(t, in)
	polls := p.Stats().PollErrors + 3
	until(t, eventually, func() error {
		if p.Stats().PollErrors < polls {
			return ErrHung
		}
		return nil
	})
	if err := in.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	until(t, eventually, func() error { _, err := p.fresh(t.Context(), w); return err })
	until(t, eventually, func() error {
		if log.count("can be read again") == 0 {
			return ErrHung
		}
		return nil
	})
	if n := log.count("cannot be read"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, strings.TrimSpace(log.text.String()))
	}
	if n := log.count("weights are set again"); n != 1 {
		t.Errorf("the new process was logged %d times", n)
	}
}
