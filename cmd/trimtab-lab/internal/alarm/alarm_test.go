package alarm

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"
)

func newAlarm(t testing.TB) *Alarm {
	t.Helper()
	a, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func TestNeverRingsEarly(t *testing.T) {
	a := newAlarm(t)
	for range 50 {
		at := time.Now().Add(2 * time.Millisecond)
		if err := WaitUntil(t.Context(), a, at); err != nil {
			t.Fatal(err)
		}
		if early := time.Until(at); early > 0 {
			t.Fatalf("rang %v early", early)
		}
	}
}

func TestSetReplacesWhatWasSet(t *testing.T) {
	a := newAlarm(t)
	a.Set(time.Hour)
	rang := make(chan error, 1)
	go func() { rang <- a.Wait() }()
	a.Set(time.Millisecond)
	select {
	case err := <-rang:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("still waits for the hour")
	}
}

func TestCloseEndsWait(t *testing.T) {
	a := newAlarm(t)
	rang := make(chan error, 1)
	go func() { rang <- a.Wait() }()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-rang; !errors.Is(err, os.ErrClosed) {
		t.Fatalf("got %v, want os.ErrClosed", err)
	}
	a.Set(time.Millisecond)
	if err := a.Close(); err != nil {
		t.Fatalf("second close: %v", err)
	}
}

func TestContextEndsWaitUntil(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	if err := WaitUntil(ctx, newAlarm(t), time.Now().Add(time.Hour)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v, want the context's error", err)
	}
}

// BenchmarkLateness prints how late an alarm set for 1 ms rings.
func BenchmarkLateness(b *testing.B) {
	a := newAlarm(b)
	var late []time.Duration
	for b.Loop() {
		at := time.Now().Add(time.Millisecond)
		if err := WaitUntil(b.Context(), a, at); err != nil {
			b.Fatal(err)
		}
		late = append(late, time.Since(at))
	}
	slices.Sort(late)
	b.ReportMetric(float64(late[len(late)/2].Microseconds()), "p50-us-late")
	b.ReportMetric(float64(late[len(late)*99/100].Microseconds()), "p99-us-late")
}
