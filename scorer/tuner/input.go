package tuner

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	firstPause = time.Second
	maxPause   = 30 * time.Second
	// wellAfter is how long a run must last for the next pause to be the first
	// one again.
	wellAfter = time.Minute
)

// input keeps one source or discoverer running.
type input struct {
	name     string
	log      *slog.Logger
	start    func(context.Context) error
	restarts atomic.Uint64
	lastErr  atomic.Pointer[string]
}

func newInput(name string, log *slog.Logger, start func(context.Context) error) *input {
	return &input{name: name, log: log.With("source", name), start: start}
}

func (in *input) run(ctx context.Context) {
	pause := firstPause
	for {
		in.lastErr.Store(nil)
		began := time.Now()
		err := in.start(ctx)
		if ctx.Err() != nil {
			return
		}
		text := "ended without an error"
		if err != nil {
			text = err.Error()
		}
		in.lastErr.Store(&text)
		in.restarts.Add(1)
		if time.Since(began) > wellAfter {
			pause = firstPause
		}
		in.log.Error("source stopped; it is started again", "error", text, "after", pause)
		if !sleep(ctx, pause) {
			return
		}
		pause = min(2*pause, maxPause)
	}
}

func (in *input) status() SourceStatus {
	s := SourceStatus{Name: in.name, Restarts: in.restarts.Load()}
	if text := in.lastErr.Load(); text != nil {
		s.LastError = *text
	}
	return s
}

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
