package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// load is clients that ask for "/" at a rate, over connections that are kept
// alive.
type load struct {
	done, failed atomic.Int64
	newest       atomic.Pointer[error]
	began        time.Time
	stop         func()
}

func drive(t testing.TB, address string, rate int) *load {
	t.Helper()
	const clients = 10
	ctx, cancel := context.WithCancel(t.Context())
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	client := &http.Client{Transport: transport, Timeout: eventually}
	l := &load{began: time.Now()}
	var group sync.WaitGroup
	for range clients {
		group.Go(func() {
			tick := time.NewTicker(clients * time.Second / time.Duration(rate))
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if err := getWith(client, "http://"+address+"/"); err != nil {
					l.failed.Add(1)
					l.newest.Store(&err)
				}
				l.done.Add(1)
			}
		})
	}
	l.stop = sync.OnceFunc(func() { cancel(); group.Wait(); transport.CloseIdleConnections() })
	t.Cleanup(l.stop)
	return l
}

func getWith(client *http.Client, url string) error {
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func (l *load) check(t testing.TB) {
	t.Helper()
	l.stop()
	t.Logf("%d requests, %.0f/s, %d failed", l.done.Load(), float64(l.done.Load())/time.Since(l.began).Seconds(), l.failed.Load())
	if l.failed.Load() > 0 {
		t.Errorf("%d of %d requests failed, for example: %v", l.failed.Load(), l.done.Load(), *l.newest.Load())
	}
}

// answering is the pid of the worker that answers and what it has for a server.
func answering(in *instance.Instance, server string) (pid, weight int, err error) {
	reply, err := askSocket(in.Socket(), "show info;get weight "+server)
	if err != nil {
		return 0, 0, err
	}
	_, after, ok := strings.Cut(reply, "\nPid: ")
	first, _, _ := strings.Cut(after, "\n")
	last := reply[strings.LastIndexByte(reply, '\n')+1:]
	number, _, _ := strings.Cut(last, " ")
	pid, err = strconv.Atoi(first)
	if err != nil || !ok {
		return 0, 0, fmt.Errorf("no pid in %q", reply)
	}
	weight, err = strconv.Atoi(number)
	return pid, weight, err
}

// A new worker begins with the configured weights: how long until it has
// trimtab's, and the drained server none, under load.
func TestMeasuredReloadUnderLoad(t *testing.T) {
	const rate = 900
	const apart = 600 * time.Millisecond
	const reloads = 4
	onEachMeasured(t, func(t *testing.T, binary string) {
		var drained atomic.Int64
		count := func(w http.ResponseWriter, _ *http.Request) { drained.Add(1); _, _ = io.WriteString(w, "ok") }
		in := mastered(t, binary, fmt.Sprintf("  server s1 %s weight 100\n  server s2 %s weight 100\n  server s3 %s weight 100\n",
			behaving(t), behaving(t), serving(t, count)))
		p := newProxy(t, Config{Socket: in.Socket(), MasterSocket: in.MasterSocket()})
		b := p.Backend("ws")
		run(t, p)
		watched(t, b)
		apply(t, b, static(map[string]float64{"s1": 1, "s2": 0.5, "s3": 0}))
		_, want, err := answering(in, "ws/s2")
		if err != nil {
			t.Fatal(err)
		}
		l := drive(t, in.Addr(0), rate)
		var took []time.Duration
		tick := time.NewTicker(apart)
		defer tick.Stop()
		for range reloads {
			<-tick.C
			before, _, err := answering(in, "ws/s3")
			if err != nil {
				t.Fatal(err)
			}
			drained.Store(0)
			began := time.Now()
			ready := make(chan error)
			go func() { ready <- in.Reload(t.Context()) }()
			var appeared time.Time
			until(t, eventually, func() error {
				pid, weight, err := answering(in, "ws/s3")
				if err != nil || pid == before {
					return fmt.Errorf("no new worker: pid %d, %w", pid, err)
				}
				if appeared.IsZero() {
					appeared = time.Now()
				}
				if weight != 0 {
					return fmt.Errorf("it has weight %d", weight)
				}
				// Weights are set one after another.
				if _, weight, err := answering(in, "ws/s2"); err != nil || weight != want {
					return fmt.Errorf("weight of ws/s2 %d, %w, want %d", weight, err, want)
				}
				return nil
			})
			now := time.Now()
			t.Logf("new worker after %v, its weights %v later; %d requests at the drained server",
				appeared.Sub(began).Round(time.Millisecond), now.Sub(appeared).Round(time.Millisecond), drained.Load())
			took = append(took, now.Sub(appeared))
			if err := <-ready; err != nil {
				t.Fatal(err)
			}
			if _, weight, err := answering(in, "ws/s2"); err != nil || weight != want {
				t.Errorf("weight of ws/s2 %d, %v, want %d", weight, err, want)
			}
		}
		l.check(t)
		// A machine that stands still for a second delays one of them.
		if slices.Sort(took); took[reloads/2] > time.Second {
			t.Errorf("weights were back after %v, want within a second", took)
		}
		if n := p.Stats().ExternalChanges; n != 0 {
			t.Errorf("%d weights of new workers were taken for someone's change", n)
		}
	})
}

// openFiles is how many files this process has open, -1 where that is not told.
func openFiles() int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return -1
	}
	return len(entries)
}

func TestReloadStorm(t *testing.T) {
	onEachInTurn(t, func(t *testing.T, binary string) {
		const pause = 500 * time.Millisecond
		reloads := 20
		if os.Getenv(binariesVariable) != "" && binary != system(t) {
			reloads = 6 // the same again, in less time
		}
		address := behaving(t)
		// Idle connections to servers would be counted as files of this process.
		in := mastered(t, binary, "  option http-server-close\n  server s1 "+address+" weight 100\n  server s2 "+address+" weight 100\n")
		p := newProxy(t, Config{Socket: in.Socket(), MasterSocket: in.MasterSocket()})
		b := p.Backend("ws")
		run(t, p)
		now := follow(t, b)
		plan := static(map[string]float64{"s1": 1, "s2": 0.5})
		apply(t, b, plan)
		wantInFlight(t, now, 0, eventually)
		goroutines, files := runtime.NumGoroutine(), openFiles()

		l := drive(t, in.Addr(0), 300)
		tick := time.NewTicker(pause)
		defer tick.Stop()
		began := time.Now()
		var held []func()
		for i := range reloads {
			<-tick.C
			if i%4 == 0 {
				for _, c := range openSockets(t, in.Addr(0), 1) {
					held = append(held, func() { _ = c.CloseNow() })
				}
			}
			reload(t, in)
			_, _ = b.Apply(t.Context(), plan) // may meet a worker that goes
		}
		t.Logf("%d reloads in %v", reloads, time.Since(began).Round(time.Millisecond))
		ended := time.Now()
		until(t, eventually, func() error {
			if _, err := b.Apply(t.Context(), plan); err != nil {
				return err
			}
			return errors.Join(wantWeight(t, in, "ws/s1", 100), wantWeight(t, in, "ws/s2", 50))
		})
		t.Logf("in sync %v after the last", time.Since(ended).Round(time.Millisecond))
		l.check(t)
		wantInFlight(t, now, float64(len(held)), eventually)
		// Only clients keep old workers alive.
		until(t, eventually, func() error { return wantOldWorkers(in, len(held)) })
		for _, release := range held {
			release()
		}
		wantInFlight(t, now, 0, eventually)
		until(t, eventually, func() error { return wantOldWorkers(in, 0) })
		until(t, eventually, func() error {
			if n := runtime.NumGoroutine(); n > goroutines {
				return fmt.Errorf("%d goroutines, %d before", n, goroutines)
			}
			if n := openFiles(); n > files {
				return fmt.Errorf("%d files are open, %d before", n, files)
			}
			return nil
		})
		// They are asked for once a second, and one without connections may take a while
		// to end.
		until(t, eventually, func() error {
			p.old.mu.Lock()
			defer p.old.mu.Unlock()
			if n := len(p.old.workers); n != 0 {
				return fmt.Errorf("%d old workers are remembered", n)
			}
			return nil
		})
	})
}
