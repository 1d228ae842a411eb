package report

import (
	"context"
	"errors"
	"time"
)

// errClosed is what a Reporter says after Close.
var errClosed = errors.New("the load reporter is closed")

// Order is which connections are asked to leave first. Only those count that can
// be asked, by the time at which their [Leave] was set.
type Order string

// The orders there are. "" means Oldest.
const (
	Oldest   Order = "oldest"
	Youngest Order = "youngest"
)

// ShedRequest asks for some connections to leave.
type ShedRequest struct {
	// Connections is how many, at least 1.
	Connections int `json:"connections"`
	// Order defaults to Oldest.
	Order Order `json:"order,omitempty"`
	// By is who asks and Reason why, for logs and for who has to go.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// ShedAnswer is what became of it.
type ShedAnswer struct {
	// Asked is how many connections are being asked to leave now.
	Asked int `json:"asked"`
	// Open is how many were open at that moment, those asked included, and
	// Movable how many could be asked after that.
	Open    int `json:"open"`
	Movable int `json:"movable"`
	// Limited is true when more were asked for than ShedRate allowed, and Limit how
	// many that is per second; 0 otherwise.
	Limited bool    `json:"limited,omitempty"`
	Limit   float64 `json:"limit,omitempty"`
}

// Shedder asks connections to leave. A [Reporter] is one.
type Shedder interface {
	Shed(ctx context.Context, request ShedRequest) (ShedAnswer, error)
}

// Shed begins to ask some connections to leave and does not wait for them to go.
// Each is asked once, unless its Leave fails. The only error is that of a
// Reporter that is closed.
func (r *Reporter) Shed(_ context.Context, request ShedRequest) (ShedAnswer, error) {
	cs := &r.connections
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.closed {
		return ShedAnswer{}, errClosed
	}
	wanted := min(max(request.Connections, 0), cs.movable.Len())
	allowed := r.budget.take(time.Now(), wanted, cs.most)
	why := Reason{By: request.By, Text: request.Reason}
	for range allowed {
		place := cs.movable.Front()
		if request.Order == Youngest {
			place = cs.movable.Back()
		}
		c := place.Value.(*Connection)
		c.unlistLocked()
		leave := c.leave
		cs.leaving.Go(func() { r.ask(c, leave, why, request.Order) })
	}
	if allowed > 0 {
		r.log.Info("connections are asked to leave", "connections", allowed, "open", cs.open, "by", request.By, "reason", request.Reason)
	}
	answer := ShedAnswer{Asked: allowed, Open: cs.open, Movable: cs.movable.Len()}
	if allowed < wanted {
		answer.Limited, answer.Limit = true, r.budget.limit(cs.most)
	}
	return answer, nil
}

// ask has one connection told to go.
func (r *Reporter) ask(c *Connection, leave Leave, why Reason, order Order) {
	ctx, cancel := context.WithTimeout(r.ctx, r.options.LeaveTimeout)
	defer cancel()
	err := leave(ctx, why)
	if err == nil {
		return
	}
	r.log.Debug("a connection could not be asked to leave", "error", err)
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	if c.ended || c.place != nil || c.leave == nil {
		return
	}
	// Where it is asked last, or it would stand in the way of all others.
	if order == Youngest {
		c.place = c.all.movable.PushFront(c)
	} else {
		c.place = c.all.movable.PushBack(c)
	}
}
