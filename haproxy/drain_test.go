package haproxy

import (
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// mostBurst is the largest burst, as a multiple of the even rate, that may come
// upon the servers that take over.
const mostBurst = 2

func logDrain(t *testing.T, r CloseResult, began time.Time, ends []time.Time, over time.Duration) {
	t.Helper()
	short, long := over/30, over/10
	t.Logf("%d gone %v after the start of a drain over %v; burst in %v %.2f, in %v %.2f of the even rate; closed %d, gone by themselves %d; %d lists of %d at most, slowest %v",
		len(ends), ends[len(ends)-1].Sub(began).Round(time.Millisecond), over, short, burst(ends, short, over), long, burst(ends, long, over),
		r.Closed, r.Gone, r.Listings, r.Listed, r.Slowest.Round(time.Microsecond))
}

// TestMeasuredDrainIsEven drains 300 over 3 s; with TRIMTAB_WHOLE 1,000 over 30 s.
func TestMeasuredDrainIsEven(t *testing.T) {
	count, over := 300, 3*time.Second
	if os.Getenv("TRIMTAB_WHOLE") != "" {
		count, over = 1000, 30*time.Second
	}
	onEachMeasured(t, func(t *testing.T, binary string) {
		in := tunnelled(t, binary, "s1")
		c := closerOf(t, in)
		// A machine that stands still for a moment makes an even drain look uneven, and
		// never the other way round: of several, one counts.
		const attempts = 4
		for attempt := 1; ; attempt++ {
			uneven := drainedEvenly(t, in, c, count, over)
			switch {
			case uneven == nil || underRace:
				return
			case attempt == attempts:
				t.Fatal(uneven)
			}
			t.Logf("attempt %d: %v", attempt, uneven)
		}
	})
}

// drainedEvenly returns what is uneven in a drain.
func drainedEvenly(t *testing.T, in *instance.Instance, c *Closer, count int, over time.Duration) error {
	t.Helper()
	all := openTunnels(t, in.Addr(0), count)
	aged(t, in, "ws", "s1", count)
	cpu, began := cpuOf(t, in), time.Now()
	got, err := c.Drain(t.Context(), DrainRequest{Selection: Selection{Server: "s1"}, Over: over})
	wantResult(t, got, CloseResult{Began: count, Asked: count, Closed: count}, err)
	all.wantEnded(t, count)
	ends := all.ends()
	logDrain(t, got, began, ends, over)
	t.Logf("returned after %v; HAProxy worked %v", time.Since(began).Round(time.Millisecond), cpuOf(t, in)-cpu)
	var uneven []error
	took := ends[count-1].Sub(began)
	if took < over*9/10 && !underRace {
		t.Errorf("all gone after %v", took)
	}
	if took > over+time.Second {
		uneven = append(uneven, fmt.Errorf("all gone after %v", took))
	}
	for _, window := range []time.Duration{over / 30, over / 10} {
		if b := burst(ends, window, over); b > mostBurst {
			uneven = append(uneven, fmt.Errorf("burst in %v: %.2f of the even rate", window, b))
		}
	}
	return errors.Join(uneven...)
}

func TestDrainDoesNotCountWhoLeaves(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in := tunnelled(t, binary, "s1")
		c := closerOf(t, in)
		all := openTunnels(t, in.Addr(0), 120)
		aged(t, in, "ws", "s1", 120)
		var late *tunnels
		left := 0
		got, err := c.Drain(t.Context(), DrainRequest{
			Selection: Selection{Server: "s1", Order: Youngest, Jitter: 1}, Over: 3 * time.Second,
			Progress: func(r CloseResult) {
				switch {
				case left == 0 && r.Closed >= 20:
					left = 30
					all.leave(left)
				case late == nil && r.Closed >= 40:
					// They are too young when all others are gone, and still go.
					late = openTunnels(t, in.Addr(0), 10)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Left != 0 || got.Began != 120 || got.Closed+got.Gone != 130 || got.Gone < 20 || got.Gone > left {
			t.Errorf("%+v after %d had left", got, left)
		}
		all.wantEnded(t, 120)
		late.wantEnded(t, 10)
	})
}

func TestDrainOfNothingIsDone(t *testing.T) {
	in := tunnelled(t, system(t), "s1")
	got, err := closerOf(t, in).Drain(t.Context(), DrainRequest{Selection: Selection{Server: "s1"}, Over: time.Hour})
	wantResult(t, got, CloseResult{}, err)
}

func masteredTunnels(t *testing.T, binary string) (*instance.Instance, instance.Options) {
	t.Helper()
	options := tunnelOptions(binary, tunnelServer(t), "s1")
	options.MasterWorker = true
	return start(t, options), options
}

// A reload leaves what there is to the old worker, one before the drain as well as
// one during it.
func TestDrainGoesOnAfterAReload(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in, _ := masteredTunnels(t, binary)
		c := newProxy(t, Config{Socket: in.Socket(), MasterSocket: in.MasterSocket()}).Backend("ws").Closer()
		first := openTunnels(t, in.Addr(0), 60)
		reload(t, in)
		second := openTunnels(t, in.Addr(0), 60)
		aged(t, in, "ws", "s1", 60)
		began := time.Now()
		const over = 4 * time.Second
		var third *tunnels
		got, err := c.Drain(t.Context(), DrainRequest{
			Selection: Selection{Server: "s1"}, Over: over,
			Progress: func(r CloseResult) {
				if r.Closed >= 30 && third == nil {
					reload(t, in)
					third = openTunnels(t, in.Addr(0), 10)
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if got.Began != 120 || got.Closed != 130 || got.Left != 0 {
			t.Errorf("%+v", got)
		}
		first.wantEnded(t, 60)
		second.wantEnded(t, 60)
		third.wantEnded(t, 10)
		t.Logf("120 and 10 in three workers gone %v after the start; %d lists, slowest %v", time.Since(began).Round(time.Millisecond), got.Listings, got.Slowest)
		until(t, eventually, func() error { return wantOldWorkers(in, 0) })
	})
}

func TestDrainWithoutAMasterSaysWhatItLeaves(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		in, _ := masteredTunnels(t, binary)
		all := openTunnels(t, in.Addr(0), 40)
		aged(t, in, "ws", "s1", 40)
		reloaded := false
		got, err := closerOf(t, in).Drain(t.Context(), DrainRequest{
			// Long enough to list once more before all are closed: lists that take long are
			// far apart, and until then those of the old worker go on being closed.
			Selection: Selection{Server: "s1"}, Over: 30 * time.Second,
			Progress: func(r CloseResult) {
				if r.Closed == 4 && !reloaded {
					reloaded = true
					reload(t, in)
				}
			},
		})
		wantKind(t, err, ErrNoMaster)
		if n := got.Closed; n < 4 || n >= 40 || got.Left != 40-n {
			t.Errorf("%+v", got)
		}
		all.wantEnded(t, got.Closed)
	})
}

// A client of HTTP/2 opens its next stream over the same connection, and HAProxy keeps
// it in the place of the one that was closed: it is another all the same.
func TestTheNextStreamOfAClientIsAnother(t *testing.T) {
	now := time.Now()
	one := target{stream{"0x1", "10.0.0.1:1", age{10 * time.Second, time.Second, true}, tunnelling}, 1}
	next := one
	next.age.least = 6 * time.Second
	j := closing{all: true, asked: map[target]asking{}, doubts: map[target]int{}, Selection: Selection{MinAge: youngest}}
	j.take(listing{began: now.Add(-20 * time.Second), targets: []target{one}}, true)
	j.count(one, outcomeClosed)
	j.take(listing{began: now, targets: []target{next}}, false)
	if len(j.candidates) != 1 {
		t.Fatalf("%d to close, %d wait", len(j.candidates), j.waiting)
	}
	j.count(next, outcomeClosed)
	if j.result.Asked != 2 || j.result.Closed != 2 || j.result.Left != 0 {
		t.Errorf("%+v after two were closed", j.result)
	}
	// Who takes its time to end is asked once more, and counted once.
	late := next
	late.age.least = 30 * time.Second
	j.take(listing{began: now.Add(24 * time.Second), targets: []target{late}}, false)
	j.count(late, outcomeClosed)
	if j.result.Asked != 2 || j.result.Closed != 2 {
		t.Errorf("%+v after one was told twice", j.result)
	}
}

// A HAProxy whose clock was set back may never show some of its streams to be what
// they were; that ends nobody's wait.
func TestDrainLeavesWhatStaysInDoubt(t *testing.T) {
	old := target{stream{"0x1", "10.0.0.1:1", age{time.Hour, time.Second, true}, tunnelling}, 1}
	for _, doubts := range []int{mostDoubts - 1, mostDoubts} {
		j := closing{all: true, doubts: map[target]int{old.identity(): doubts}}
		j.take(listing{targets: []target{old}}, true)
		if given := doubts == mostDoubts; j.done() != given || j.result.Left != 1 {
			t.Errorf("%d doubts: done %v, %+v", doubts, j.done(), j.result)
		}
	}
}
