package haproxy

import (
	"context"
	"fmt"
)

// closers speak to the processes of one HAProxy about streams, over connections
// of their own: a list of ten thousand streams does not keep the polls waiting.
// Whoever closes shares them, as a HAProxy takes only ten at a time; and the lists,
// where one is of all servers.
type closers struct {
	name   string
	worker *Session
	master *Session // nil without a master socket
	// turn holds one token; whoever has it speaks, and owns the fields below.
	turn chan struct{}
	// wanted is how many close at each place, shared the newest list of each.
	wanted map[place]int
	shared map[place]listing
}

// place is a server of a backend.
type place struct{ backend, server string }

func newClosers(socket, masterSocket string) (*closers, error) {
	worker, err := NewSession(socket)
	if err != nil {
		return nil, err
	}
	c := &closers{name: worker.name, worker: worker, turn: make(chan struct{}, 1), wanted: map[place]int{}}
	if masterSocket != "" {
		if c.master, err = newSession("haproxy master "+masterSocket, masterSocket, masterDialect()); err != nil {
			return nil, err
		}
	}
	c.turn <- struct{}{}
	return c, nil
}

// use has the connections kept, and the place listed, until the returned function is
// called. The last such call ends the connections: through one that stays, a worker
// that a reload has replaced would live on.
func (c *closers) use(ctx context.Context, at place) (done func(), err error) {
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.give()
	c.wanted[at]++
	return func() {
		<-c.turn // every exchange has a deadline
		defer c.give()
		if c.wanted[at]--; c.wanted[at] == 0 {
			delete(c.wanted, at)
			delete(c.shared, at)
		}
		if len(c.wanted) == 0 {
			c.end()
		}
	}, nil
}

func (c *closers) take(ctx context.Context) error {
	select {
	case <-c.turn:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%s: waiting for other closings: %w", c.name, ctx.Err())
	}
}

func (c *closers) give() { c.turn <- struct{}{} }

func (c *closers) end() {
	c.worker.Close()
	if c.master != nil {
		c.master.Close()
	}
}
