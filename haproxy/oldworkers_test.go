package haproxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// mastered is a master with a worker, a frontend and a backend "ws" of two
// servers that behave.
func mastered(t testing.TB, binary, backend string) *instance.Instance {
	t.Helper()
	return start(t, instance.Options{
		Binary: binary, Listeners: 1, MasterWorker: true,
		Config: preamble + "frontend f\n  bind @FD0@\n  default_backend ws\nbackend ws\n  balance leastconn\n  timeout tunnel 1m\n" + backend,
	})
}

func reload(t testing.TB, in *instance.Instance) {
	t.Helper()
	if err := in.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// openSockets opens WebSockets.
func openSockets(t testing.TB, address string, n int) []*websocket.Conn {
	t.Helper()
	var out []*websocket.Conn
	for range n {
		c, resp, err := websocket.Dial(t.Context(), "ws://"+address+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body
		t.Cleanup(func() { _ = c.CloseNow() })
		out = append(out, c)
	}
	return out
}

// latest keeps the newest report of each server, and adds up what was done.
type latest struct {
	reports map[string]scorer.Report
	sum     tally
}

// follow reads a backend's reports until the test ends.
func follow(t *testing.T, b *Backend) (now func() latest) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	in := make(chan scorer.Report)
	ask := make(chan chan latest)
	done := make(chan struct{})
	go func() { defer close(done); _ = b.Reports().Run(ctx, in) }()
	t.Cleanup(func() { cancel(); <-done })
	go func() {
		l := latest{map[string]scorer.Report{}, tally{}}
		for {
			select {
			case r := <-in:
				l.reports[r.Backend] = r
				l.sum.add(map[string]scorer.Report{r.Backend: r})
			case to := <-ask:
				copied := latest{map[string]scorer.Report{}, tally{}}
				for name, r := range l.reports {
					copied.reports[name] = r
				}
				for name, w := range l.sum {
					w := *w
					copied.sum[name] = &w
				}
				to <- copied
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() latest {
		to := make(chan latest)
		ask <- to
		return <-to
	}
}

func wantInFlight(t *testing.T, now func() latest, want float64, limit time.Duration) {
	t.Helper()
	until(t, limit, func() error {
		if l := now(); len(l.reports) == 0 || l.inFlight() != want {
			return fmt.Errorf("%g in flight, want %g", l.inFlight(), want)
		}
		return nil
	})
}

func (l latest) inFlight() float64 {
	sum := 0.0
	for _, r := range l.reports {
		sum += r.InFlight
	}
	return sum
}

func (l latest) done() (sum work) {
	for _, w := range l.sum {
		sum.Done += w.Done
		sum.Failed += w.Failed
		sum.Upgraded += w.Upgraded
	}
	return sum
}

func TestConnectionsOfOldWorkersAreCounted(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		address := behaving(t)
		in := mastered(t, binary, "  server s1 "+address+" weight 100\n  server s2 "+address+" weight 100\n")
		var log journal
		p := newProxy(t, Config{Socket: in.Socket(), MasterSocket: in.MasterSocket(), Logger: log.logger()})
		b := p.Backend("ws")
		run(t, p)
		now := follow(t, b)
		inFlight := func(want float64, limit time.Duration) { t.Helper(); wantInFlight(t, now, want, limit) }
		inFlight(0, eventually)
		first := openSockets(t, in.Addr(0), 10)
		inFlight(10, eventually)
		reload(t, in)
		second := openSockets(t, in.Addr(0), 6)
		inFlight(16, eventually)
		reload(t, in)
		inFlight(16, eventually)
		third := openSockets(t, in.Addr(0), 2)
		inFlight(18, eventually)
		// Never less than there are, though the worker that has them changes.
		reload(t, in)
		settled := time.Now()
		until(t, eventually, func() error {
			if got := now().inFlight(); got != 18 {
				t.Fatalf("%g in flight after a reload, want 18", got)
			}
			if time.Since(settled) < 1200*time.Millisecond {
				return errors.New("still looking")
			}
			return nil
		})

		for _, c := range first[:4] {
			_ = c.CloseNow()
		}
		inFlight(14, eventually)
		until(t, eventually, func() error {
			if got := now().done(); got.Done != 4 || got.Upgraded != 18 || got.Failed != 0 {
				return fmt.Errorf("done %+v, want 4 that ended of 18 that were upgraded", got)
			}
			return nil
		})
		for _, c := range slices.Concat(first, second, third) {
			_ = c.CloseNow()
		}
		inFlight(0, eventually)
		until(t, eventually, func() error { return wantOldWorkers(in, 0) })
		if text := log.text.String(); strings.Contains(text, "ERROR") || strings.Contains(text, "WARN") {
			t.Errorf("logged %s", text)
		}
	})
}

// wantOldWorkers asks the master.
func wantOldWorkers(in *instance.Instance, want int) error {
	reply, err := askSocket(in.MasterSocket(), "show proc;quit")
	if err != nil {
		return err
	}
	pids, err := parseOldWorkers([]byte(reply))
	if err == nil && len(pids) != want {
		err = fmt.Errorf("old workers %v, want %d", pids, want)
	}
	return err
}

func TestOldWorkersFoundAtTheStartAreCounted(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		address := behaving(t)
		in := mastered(t, binary, "  server s1 "+address+" weight 100\n")
		openSockets(t, in.Addr(0), 5)
		reload(t, in)
		p := newProxy(t, Config{Socket: in.Socket(), MasterSocket: in.MasterSocket()})
		b := p.Backend("ws")
		run(t, p)
		now := follow(t, b)
		wantInFlight(t, now, 5, eventually)
		if got := now().done(); got.Done != 0 {
			t.Errorf("connections that are there were done: %+v", got)
		}

		// The address of a name is another machine: what it has is its own.
		if err := in.WriteConfig(strings.ReplaceAll(mastersConfig(address), address, behaving(t))); err != nil {
			t.Fatal(err)
		}
		reload(t, in)
		wantInFlight(t, now, 0, eventually)
	})
}

func mastersConfig(address string) string {
	return preamble + "frontend f\n  bind @FD0@\n  default_backend ws\nbackend ws\n  balance leastconn\n  server s1 " + address + " weight 100\n"
}

func TestAMasterThatGoesSilentIsForgotten(t *testing.T) {
	address := behaving(t)
	in := mastered(t, system(t), "  server s1 "+address+" weight 100\n")
	var log journal
	p := newProxy(t, Config{Socket: in.Socket(), MasterSocket: in.Socket() + ".none", Logger: log.logger()})
	b := p.Backend("ws")
	run(t, p)
	now := follow(t, b)
	wantInFlight(t, now, 0, eventually)
	openSockets(t, in.Addr(0), 3)
	wantInFlight(t, now, 3, eventually)
	reload(t, in)
	// What the old worker had is believed for a while, not for ever.
	wantInFlight(t, now, 3, eventually)
	wantInFlight(t, now, 0, oldMemory+eventually)
	until(t, eventually, func() error {
		if n := log.count("master cannot be asked"); n != 1 {
			return fmt.Errorf("logged %d times", n)
		}
		return nil
	})
	inForce := apply(t, b, scorer.Plan{Mode: scorer.DryRun})
	if len(inForce.Warnings) != 1 || !strings.Contains(inForce.Warnings[0], in.Socket()+".none") {
		t.Errorf("warnings %q", inForce.Warnings)
	}
}

// Without a master socket, a drain seems to be over while an old worker goes on.
func TestWhatAReloadLeavesToNobodyIsSaid(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		address := behaving(t)
		in := mastered(t, binary, "  server s1 "+address+" weight 100\n")
		var log journal
		p := newProxy(t, Config{Socket: in.Socket(), Logger: log.logger()})
		b := p.Backend("ws")
		run(t, p)
		now := follow(t, b)
		wantInFlight(t, now, 0, eventually)
		warnings := func() string { return strings.Join(apply(t, b, scorer.Plan{Mode: scorer.DryRun}).Warnings, "") }
		reload(t, in)
		until(t, eventually, func() error {
			if log.count("restarted or reloaded") == 0 {
				return errors.New("not noticed")
			}
			return nil
		})
		if text := warnings(); text != "" {
			t.Errorf("warned of a reload that has left nothing: %s", text)
		}
		openSockets(t, in.Addr(0), 3)
		wantInFlight(t, now, 3, eventually)
		reload(t, in)
		wantInFlight(t, now, 0, eventually)
		if text := warnings(); !strings.Contains(text, "set master_socket") {
			t.Errorf("warnings %q", text)
		}
		if n := log.count("left to the old worker"); n != 1 {
			t.Errorf("logged %d times", n)
		}
		if text := p.unasked.warning(time.Now().Add(leftFor + time.Minute)); text != "" {
			t.Errorf("long after: %s", text)
		}
	})
}

func TestAStatsSocketIsNoMasterSocket(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, 2)
		o, err := newOldWorkers(in.Socket(), (&journal{}).logger())
		if err != nil {
			t.Fatal(err)
		}
		o.answered = time.Time{}
		o.round(t.Context(), []string{"ws"})
		wantKind(t, o.trouble(), ErrUnexpected)
	})
}

func TestParseOldWorkers(t *testing.T) {
	const listed = `#<PID>          <type>          <reloads>       <uptime>        <version>
20302           master          1 [failed: 0]   0d00h00m07s     2.6.12-1+deb12u4
# workers
20437           worker          0               0d00h00m05s     2.6.12-1+deb12u4
# old workers
20329           worker          1               0d00h00m07s     2.6.12-1+deb12u4
20111           worker          2               0d00h01m07s     2.6.12-1+deb12u4
# programs
30000           helper          -               0d00h00m07s     -
`
	got, err := parseOldWorkers([]byte(listed))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int64{20329, 20111}, got); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "Unknown command: 'show proc'", "1\n# old workers\n5 worker\n"} {
		_, err := parseOldWorkers([]byte(text))
		wantKind(t, err, ErrUnexpected)
	}
}

func FuzzParseOldWorkers(f *testing.F) {
	f.Add([]byte("#<PID> <type>\n1 master\n# workers\n2 worker\n# old workers\n3 worker 1\n# programs\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		pids, err := parseOldWorkers(text)
		for _, pid := range pids {
			if err != nil || pid <= 0 {
				t.Errorf("pid %d with error %v", pid, err)
			}
		}
	})
}

// Old workers beyond what is asked at a time have their turn.
func TestManyOldWorkersAreAskedInTurn(t *testing.T) {
	o, err := newOldWorkers("/nowhere", (&journal{}).logger())
	if err != nil {
		t.Fatal(err)
	}
	var pids []int64
	for pid := int64(1); pid <= oldKept+20; pid++ {
		pids = append(pids, pid)
	}
	asked := map[int64]int{}
	now := time.Unix(1_700_000_000, 0)
	for range oldKept / oldAtOnce {
		turn := o.due(pids, now, now)
		if len(turn) > oldAtOnce {
			t.Fatalf("%d at a time", len(turn))
		}
		for _, w := range turn {
			w.asked = now
			asked[w.pid]++
		}
		if again := o.due(pids, now, now); slices.ContainsFunc(again, func(w *oldWorker) bool { return w.asked.Equal(now) }) {
			t.Fatal("one was asked twice within a second")
		}
		now = now.Add(oldEvery)
	}
	if len(asked) != oldKept || len(o.workers) != oldKept {
		t.Errorf("%d of %d old workers were asked", len(asked), len(o.workers))
	}
	o.due(nil, now, now)
	if len(o.workers) != 0 {
		t.Errorf("%d that are gone are kept", len(o.workers))
	}
}

// The master calls a worker old before a poll notices the reload, and a worker
// may become old while the master answers.
func TestPresentWorkerIsNotCountedTwiceNorLost(t *testing.T) {
	o, err := newOldWorkers("/nowhere", (&journal{}).logger())
	if err != nil {
		t.Fatal(err)
	}
	known := func() (out []int64) { return slices.Sorted(maps.Keys(o.workers)) }
	began := time.Now()
	o.reading(7)
	o.due([]int64{5, 7}, began, began)
	if got := known(); !slices.Equal(got, []int64{5}) {
		t.Errorf("old workers %v while 7 is read, want 5", got)
	}
	o.workers[5].asked = began
	if !o.replacing() {
		t.Error("the one that is read is called old, and nobody takes over")
	}
	asked := time.Now()
	o.reading(8)
	o.inherit(7, "ws", &view{at: began}, nil)
	o.due([]int64{5}, asked, time.Now())
	if got := known(); !slices.Equal(got, []int64{5, 7}) {
		t.Errorf("old workers %v after an answer from before 7 became one, want 5 and 7", got)
	}
	o.due([]int64{5}, time.Now(), time.Now())
	if got := known(); !slices.Equal(got, []int64{5}) {
		t.Errorf("old workers %v after 7 ended, want 5", got)
	}
	if o.replacing() {
		t.Error("still replacing when all is over")
	}
}
