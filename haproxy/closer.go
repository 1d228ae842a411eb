package haproxy

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Order says which connections of a server go first.
type Order string

const (
	// Oldest takes those that have been open for longest.
	Oldest Order = "oldest"
	// Youngest takes those that were opened last, of which the client has least
	// to lose.
	Youngest Order = "youngest"
)

// Selection says which connections of a server may be closed. Never those of
// another server, nor one that has been open for less than MinAge, nor a client
// that is connected and asks for nothing.
type Selection struct {
	// Server is the server's name in the backend.
	Server string
	// Order defaults to Oldest.
	Order Order
	// MinAge is how long a connection has been open at least; less than 4 s
	// counts as 4 s, the least by which HAProxy's own ages tell one connection
	// from the next in its place. HAProxy counts in seconds; before 3.0 from when
	// the client was last idle.
	MinAge time.Duration
	// Responses has responses closed, too, that have begun and go on, such as
	// server-sent events and downloads. Without it, only tunnels are: WebSockets
	// and whatever else has left HTTP, and all of TCP mode. It has no effect on
	// HAProxy before 3.0, whose ages say nothing about a request.
	Responses bool
	// Jitter is by how much of the time between two closings each is delayed at
	// random, 0..1.
	Jitter float64
}

// CloseRequest asks for some connections of one server to be closed.
type CloseRequest struct {
	Selection
	// Count is how many, at least 1.
	Count int
	// Over is the time to spread them evenly over; 0 is at once.
	Over time.Duration
}

// DrainRequest asks for all connections of one server to be closed, those that
// are opened meanwhile included.
type DrainRequest struct {
	Selection
	// Over is the time to spread them evenly over, from Start on.
	Over time.Duration
	// Start is when the drain began; zero is now. With Began it has a drain go
	// on that was interrupted.
	Start time.Time
	// Began is how many there were then; 0 is as many as there are now. Closings
	// come at less than twice the rate of Began in Over, so that a drain that goes
	// on late ends late.
	Began int
	// Progress, when set, is told after each look at the server and each closing,
	// in turn, by the goroutine that drains.
	Progress func(CloseResult)
}

// CloseResult is what has been done.
type CloseResult struct {
	// Began is how many connections there were that the selection is about,
	// whatever their age; with a drain that goes on, its own Began.
	Began int
	// Asked is how many had their turn. Closed is how many of these HAProxy was
	// told to close; the others had ended by themselves.
	Asked, Closed int
	// Gone is how many ended by themselves, of those whose turn came; with a drain
	// of all.
	Gone int
	// Left is how many that the selection is about were still there at the end,
	// as far as known. After a drain without error they are those that HAProxy
	// never showed beyond doubt to be the same twice, because its clock was set.
	Left int
	// Listings is how many lists of HAProxy's sessions it took, which several that
	// close at the same time may share, Listed how many HAProxy printed at most for
	// one, and Slowest how long that took at most.
	Listings, Listed int
	Slowest          time.Duration
}

// Closer closes connections of the servers of one backend, paced, wherever
// reloads have left them:
//
//	             ┌─ show sess server ws/s1 ──▶ stats socket: the present worker
//	Close, Drain ┤    (and @!PID show sess … ─▶ master socket: the old workers)
//	             │  pick: tunnels, old enough, oldest or youngest first
//	             │  wait: evenly over the time
//	             ├─ show sess 0x7f…      the same client, server and age still?
//	             └─ shutdown session 0x7f…
//
// The client sees its connection end. It is for backends that cannot ask their
// clients to leave themselves. Without a master socket in the proxy's Config,
// what old workers hold is not closed and not counted.
//
// Listing sessions costs HAProxy more than all else, in versions before 3.2 in
// proportion to those of all servers. Close does it once, and again every 10 s; Drain
// twice a second at most, less often when it would take more than 2 % of the time.
// Before 3.2, those who close at several servers at the same time share lists.
//
// A Closer is safe for concurrent use. It does nothing about new connections:
// drain the server first.
type Closer struct {
	backend *Backend
}

// Closer returns what closes connections of the backend's servers.
func (b *Backend) Closer() *Closer { return &Closer{b} }

// Close closes up to Count connections and returns when that is done, when no
// more may be closed, or when ctx ends. Connections that end by themselves when
// it is their turn count for those that were asked for. The result is right
// also when there is an error: an HAProxy that hangs ([ErrHung]) is one within
// 2 s.
func (c *Closer) Close(ctx context.Context, r CloseRequest) (CloseResult, error) {
	if r.Count < 1 {
		return CloseResult{}, c.errorf(r.Server, fmt.Errorf("count %d: %w", r.Count, errBadRequest))
	}
	now := time.Now()
	return c.run(ctx, r.Selection, closing{
		quota: r.Count, start: now, over: r.Over, report: func(CloseResult) {},
	})
}

// Drain closes all connections that the selection is about and returns when none
// is left to close, those included that are too young yet, or when ctx ends. The result is
// right also when there is an error; call it again with Start and Began to go on.
// Requests that are under way are left to end.
func (c *Closer) Drain(ctx context.Context, r DrainRequest) (CloseResult, error) {
	if r.Start.IsZero() {
		r.Start = time.Now()
	}
	if r.Progress == nil {
		r.Progress = func(CloseResult) {}
	}
	return c.run(ctx, r.Selection, closing{
		all: true, start: r.Start, over: r.Over, began: r.Began, report: r.Progress,
	})
}

// errBadRequest is a mistake of the caller's.
var errBadRequest = errors.New("not a request that can be carried out")

func (c *Closer) errorf(server string, err error) error {
	return fmt.Errorf("%s: backend %s: close connections of %s: %w", c.backend.proxy.session.name, c.backend.name, server, err)
}

func (c *Closer) run(ctx context.Context, s Selection, job closing) (CloseResult, error) {
	if err := c.check(&s, job); err != nil {
		return CloseResult{}, c.errorf(s.Server, err)
	}
	closers := c.backend.proxy.closers
	at := place{c.backend.name, s.Server}
	done, err := closers.use(ctx, at)
	if err != nil {
		return CloseResult{}, err
	}
	defer done()
	job.Selection, job.closers, job.place = s, closers, at
	job.asked, job.open, job.doubts = map[target]asking{}, map[target]bool{}, map[target]int{}
	if err := job.run(ctx); err != nil {
		return job.result, c.errorf(s.Server, err)
	}
	return job.result, nil
}

// check refuses what makes no sense and fills in defaults.
func (c *Closer) check(s *Selection, job closing) error {
	if c.backend.bad != nil {
		return c.backend.bad
	}
	if err := checkName("server", s.Server); err != nil {
		return err
	}
	switch s.Order {
	case "":
		s.Order = Oldest
	case Oldest, Youngest:
	default:
		return fmt.Errorf("order %q: expected %q or %q: %w", s.Order, Oldest, Youngest, errBadRequest)
	}
	if !(s.Jitter >= 0 && s.Jitter <= 1) {
		return fmt.Errorf("jitter %g: expected 0 to 1: %w", s.Jitter, errBadRequest)
	}
	if job.over < 0 || job.began < 0 {
		return fmt.Errorf("over %s, began %d: less than nothing: %w", job.over, job.began, errBadRequest)
	}
	s.MinAge = max(s.MinAge, youngest)
	return nil
}
