package report

import (
	"container/list"
	"context"
	"math"
	"sync"
	"time"
)

// Reason is why a connection is asked to leave.
type Reason struct {
	// By is who asks, for example "trimtab".
	By string
	// Text is for people, at most 1000 bytes of one line.
	Text string
}

// Leave asks whoever is at the other end of one connection to go and connect
// anew, in the application's own way: a close frame, a message, or nothing but
// closing. It is called at most once at a time, on a goroutine of its own, and
// should return when ctx ends. Nil means that the other end has been asked; the
// connection is open until it is closed. After an error it may be asked again.
type Leave func(ctx context.Context, why Reason) error

// Connection is one long-lived connection.
type Connection struct {
	all *connections

	// Guarded by all.mu.
	leave Leave
	place *list.Element // in all.movable, nil when not there
	ended bool
}

// connections are those that are open.
type connections struct {
	mu      sync.Mutex
	open    int
	costs   map[*Connection]float64
	movable list.List // of *Connection, the oldest first
	closed  bool
	leaving sync.WaitGroup

	// most is the most that were open lately, as of mostAt.
	most   float64
	mostAt time.Time
}

// Connect counts a connection in that no request of [Reporter.Middleware] is
// behind, for example one of a TCP protocol; see [Reporter.Connection] for those.
// A nil leave means that it can't be asked to go. The caller ends it.
func (r *Reporter) Connect(leave Leave) *Connection {
	c := &Connection{all: &r.connections}
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.all.open++
	c.all.most = max(c.all.most, float64(c.all.open))
	c.setLeaveLocked(leave)
	return c
}

// End counts the connection out. Any further call does nothing.
func (c *Connection) End() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.ended {
		return
	}
	c.ended = true
	c.all.open--
	c.unlistLocked()
	delete(c.all.costs, c)
}

// SetCost says what the connection costs, in any unit that is the same for all
// of a backend's connections: cores, messages per second. NaN, which it is at
// first, means that it isn't known.
func (c *Connection) SetCost(cost float64) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.ended || !usable(cost) {
		delete(c.all.costs, c)
		return
	}
	if c.all.costs == nil {
		c.all.costs = map[*Connection]float64{}
	}
	c.all.costs[c] = cost
}

func (c *Connection) setLeave(leave Leave) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	c.setLeaveLocked(leave)
}

// setLeaveLocked puts the connection at the end of the list, which is in the
// order in which connections could be asked to leave.
func (c *Connection) setLeaveLocked(leave Leave) {
	c.leave = leave
	c.unlistLocked()
	if leave != nil && !c.ended {
		c.place = c.all.movable.PushBack(c)
	}
}

func (c *Connection) unlistLocked() {
	if c.place != nil {
		c.all.movable.Remove(c.place)
		c.place = nil
	}
}

// count is how many are open and what they cost, NaN where none has said.
func (cs *connections) count() (open int, cost, dearest float64) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cost, dearest = math.NaN(), math.NaN()
	if len(cs.costs) > 0 {
		cost, dearest = 0, 0
	}
	for _, one := range cs.costs {
		cost += one
		dearest = max(dearest, one)
	}
	return cs.open, cost, dearest
}

// mostFades is how fast the most that were open is forgotten: slowly enough for
// a drain to go on at its pace to the end.
const mostFades = 10 * time.Minute

// watermark lets the most that were open fade.
func (cs *connections) watermark(now time.Time) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if !cs.mostAt.IsZero() {
		cs.most *= math.Exp(-float64(now.Sub(cs.mostAt)) / float64(mostFades))
	}
	cs.most, cs.mostAt = max(cs.most, float64(cs.open)), now
}
