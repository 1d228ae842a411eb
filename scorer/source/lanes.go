package source

import (
	"context"
	"errors"
)

// errBusy is a poll that did not take place because too many are under way.
var errBusy = errors.New("too many polls at once")

// lanes bound how many requests are open at once. Backends that did not answer
// last time have a lane of their own: were there one lane, a rack that hangs
// would fill it, and everybody else would wait for their timeouts.
type lanes struct{ fast, slow chan struct{} }

func newLanes(concurrency int) lanes {
	return lanes{
		fast: make(chan struct{}, max(concurrency, 1)),
		slow: make(chan struct{}, max(concurrency/4, 1)),
	}
}

// enter waits for a place until ctx ends and returns how to leave it.
func (l lanes) enter(ctx context.Context, failing bool) (leave func(), err error) {
	lane := l.fast
	if failing {
		lane = l.slow
	}
	select {
	case lane <- struct{}{}:
		return func() { <-lane }, nil
	case <-ctx.Done():
		return nil, errBusy
	}
}
