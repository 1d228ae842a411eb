package haproxy

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/haproxytech/client-native/v5/runtime"
	"github.com/haproxytech/client-native/v5/runtime/options"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

const many = 1000

// otherWay sets every weight with client-native, as its users do.
func otherWay(t testing.TB, socket string) func(weight int) {
	t.Helper()
	client, err := runtime.New(context.Background(), options.Socket(socket))
	if err != nil {
		t.Fatal(err)
	}
	return func(weight int) {
		for i := 1; i <= many; i++ {
			if err := client.SetServerWeight("ws", "s"+strconv.Itoa(i), strconv.Itoa(weight)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// ratio sets a thousand weights in both ways, in turn, and returns the shortest
// time of each. Both change every weight.
func ratio(t testing.TB, socket string, rounds int) (theirs, ours time.Duration) {
	t.Helper()
	set := otherWay(t, socket)
	p := newProxy(t, Config{Socket: socket})
	b := p.Backend("ws")
	w := watched(t, b)
	plan := scorer.Plan{Pool: "ws", Law: scorer.LawStatic}
	for i := 1; i <= many; i++ {
		plan.Decisions = append(plan.Decisions, scorer.Decision{
			Backend: "s" + strconv.Itoa(i), Weight: 1, State: scorer.StateReady,
		})
	}
	set(100)
	w.poll(t)
	apply(t, b, plan)
	theirs, ours = time.Hour, time.Hour
	for i := range rounds {
		began := time.Now()
		set(101 + i%2)
		theirs = min(theirs, time.Since(began))

		w.poll(t)
		clear(b.following.sent) // it is not about weights of someone else
		before := p.Stats().Commands
		began = time.Now()
		apply(t, b, plan)
		ours = min(ours, time.Since(began))
		if n := p.Stats().Commands - before; n < many {
			t.Fatalf("%d commands for %d weights", n, many)
		}
	}
	return theirs, ours
}

func TestMeasuredThousandWeights(t *testing.T) {
	in := unserved(t, system(t), many)
	const least, attempts = 10, 4
	best := 0.0
	for range attempts {
		theirs, ours := ratio(t, in.Socket(), 4)
		r := theirs.Seconds() / ours.Seconds()
		t.Logf("%d weights: client-native %v, trimtab %v: ratio %.1f", many, theirs, ours, r)
		if best = max(best, r); best >= least {
			return
		}
	}
	if underRace {
		t.Skipf("ratio %.1f under the race detector", best)
	}
	t.Errorf("best ratio %.1f, want at least %d", best, least)
}

func BenchmarkThousandWeights(b *testing.B) {
	in := unserved(b, system(b), many)
	var theirs, ours time.Duration
	for b.Loop() {
		theirs, ours = ratio(b, in.Socket(), 3)
	}
	b.ReportMetric(theirs.Seconds()/ours.Seconds(), "client-native/trimtab")
	b.ReportMetric(float64(ours.Microseconds())/many, "us/weight")
	b.ReportMetric(0, "ns/op")
}

// ownCPU is what this process has worked.
func ownCPU(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpuOf is what all threads of a process have worked, to the nanosecond.
func cpuOf(t testing.TB, in *instance.Instance) time.Duration {
	t.Helper()
	tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", in.PID()))
	if err != nil {
		t.Skip(err)
	}
	var sum time.Duration
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", in.PID(), task.Name()))
		if err != nil {
			t.Skip(err)
		}
		ns, err := strconv.ParseInt(strings.Fields(string(text))[0], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += time.Duration(ns)
	}
	return sum
}

// pollCost runs a proxy at its default pace and returns what a poll costs here
// and there.
func pollCost(t testing.TB, in *instance.Instance, length time.Duration) (ours, theirs time.Duration, polls uint64) {
	t.Helper()
	p := newProxy(t, Config{Socket: in.Socket()})
	b := p.Backend("ws")
	ctx, cancel := context.WithCancel(context.Background())
	reports := make(chan scorer.Report, 64)
	members := make(chan []scorer.Backend, 1)
	done := make(chan struct{}, 4)
	go func() { p.Run(ctx); done <- struct{}{} }()
	go func() { _ = b.Reports().Run(ctx, reports); done <- struct{}{} }()
	go func() { _ = b.Members().Run(ctx, members); done <- struct{}{} }()
	go func() {
		defer func() { done <- struct{}{} }()
		for {
			select {
			case <-reports:
			case <-members:
			case <-ctx.Done():
				return
			}
		}
	}()
	until(t, eventually, func() error {
		if n := p.Stats().Polls; n < 3 {
			return fmt.Errorf("%d polls", n)
		}
		return nil
	})
	own, other, before := ownCPU(t), cpuOf(t, in), p.Stats().Polls
	timer := time.NewTimer(length)
	<-timer.C
	ours, theirs, polls = ownCPU(t)-own, cpuOf(t, in)-other, p.Stats().Polls-before
	cancel()
	for range cap(done) {
		<-done
	}
	return ours, theirs, polls
}

func TestMeasuredPollOfAThousandServers(t *testing.T) {
	onEachMeasured(t, func(t *testing.T, binary string) {
		in := unserved(t, binary, many)
		const length = 3 * time.Second
		ours, theirs, polls := pollCost(t, in, length)
		t.Logf("%d polls in %v: trimtab %.2f %% of a core, HAProxy %.2f %%; a poll costs %v and %v",
			polls, length, 100*ours.Seconds()/length.Seconds(), 100*theirs.Seconds()/length.Seconds(),
			ours/time.Duration(polls), theirs/time.Duration(polls))
		// Generous: what is asserted is that nobody is in danger.
		if share := (ours + theirs).Seconds() / length.Seconds(); share > 0.15 && !underRace {
			t.Errorf("watching costs %.1f %% of a core", 100*share)
		}
	})
}

func BenchmarkPollOfAThousandServers(b *testing.B) {
	in := unserved(b, system(b), many)
	const length = 5 * time.Second
	var ours, theirs time.Duration
	var polls uint64
	for b.Loop() {
		ours, theirs, polls = pollCost(b, in, length)
	}
	b.ReportMetric(100*ours.Seconds()/length.Seconds(), "%core-trimtab")
	b.ReportMetric(100*(ours+theirs).Seconds()/length.Seconds(), "%core-both")
	b.ReportMetric(float64(polls)/length.Seconds(), "polls/s")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkParseThousandServers(b *testing.B) {
	dump := statOf(many)
	p := newStatParser()
	b.SetBytes(int64(len(dump)))
	b.ReportAllocs()
	for b.Loop() {
		p.rewind()
		if err := p.parse(dump, func(*row) {}); err != nil {
			b.Fatal(err)
		}
	}
}
