package accept

import (
	"context"
	"time"
)

const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// pause is how long nothing is taken after errors in a row. The zero value is before
// the first.
type pause struct{ last time.Duration }

// wait waits for longer each time, and until ctx ends at most.
func (p *pause) wait(ctx context.Context) {
	p.last = min(max(2*p.last, firstPause), lastPause)
	timer := time.NewTimer(p.last)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// first says whether there was no error since the last connection.
func (p *pause) first() bool { return p.last == 0 }

// over is that a connection was taken.
func (p *pause) over() { p.last = 0 }
