package tuner

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestSaysWhatWasLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tuner := New(Options{
			Pool: newPool(t), Backends: backends(2),
			Sources: []NamedSource{{"counts", proxyCounts("s0")}},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { tuner.Run(ctx); close(done) }()
		<-time.After(10500 * time.Millisecond)
		l, err := tuner.Learned(t.Context())
		if err != nil || len(l.Backends) != 2 || l.Backends[0].Backend != "s0" || l.Proxies != 1 {
			t.Errorf("learned %+v, %v", l, err)
		}
		cancel()
		<-done
		if _, err := tuner.Learned(t.Context()); !errors.Is(err, ErrRefused) {
			t.Errorf("after the end: %v", err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		idle := New(Options{Pool: newPool(t), Backends: backends(1)})
		if _, err := idle.Learned(ended); !errors.Is(err, context.Canceled) {
			t.Errorf("of a tuner that nobody runs: %v", err)
		}
	})
}
