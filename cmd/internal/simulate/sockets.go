package simulate

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Sockets is a group of clients that hold one long-lived connection each. What
// a client draws at random depends on nothing but the seed and what it does.
type Sockets struct {
	// Pool is the index of the pool that they connect to.
	Pool int
	// Clients is how many there are. They connect for the first time at random
	// instants of the ConnectOver that follows ConnectFrom.
	Clients                  int
	ConnectFrom, ConnectOver time.Duration
	// Lifetime is how long a connection stays; nil is for ever.
	Lifetime Span
	// Reconnect is how long a client takes to come back after its connection
	// has ended, for whatever reason, or was not to be had, at least a
	// millisecond; nil is never.
	Reconnect Span
	// Message is what a connection sends from time to time.
	Message Message
	// Dear is how many of the clients send DearMessage instead.
	Dear        int
	DearMessage Message
}

// Message is what a client sends over its connection. Its answer's time is what
// counts as latency.
type Message struct {
	// Every is the time from one to the next, answered or not; the first comes
	// at a random instant of it. 0 is no messages at all.
	Every time.Duration
	// Demand is what one costs the backend.
	Demand Demand
}

// Span draws a length of time in seconds.
type Span func(r *rand.Rand) float64

// ExponentialSpan has an exponential distribution.
func ExponentialSpan(mean time.Duration) Span {
	return func(r *rand.Rand) float64 { return mean.Seconds() * r.ExpFloat64() }
}

// Rounds is the life of a connection that ends after each round with a
// probability: as many rounds as it takes, and last, which may be negative. drop
// is above 0.
func Rounds(each time.Duration, drop float64, last time.Duration) Span {
	return func(r *rand.Rand) float64 {
		rounds := 1
		for r.Float64() >= drop {
			rounds++
		}
		return max(float64(rounds)*each.Seconds()+last.Seconds(), 0)
	}
}

func (s *Sockets) check() error {
	switch {
	case s.Clients < 1 || s.Clients > math.MaxInt32:
		return fmt.Errorf("%d clients: must be at least 1", s.Clients)
	case s.Dear < 0 || s.Dear > s.Clients:
		return fmt.Errorf("%d dear clients of %d", s.Dear, s.Clients)
	case s.ConnectFrom < 0 || s.ConnectOver < 0:
		return fmt.Errorf("connect from %v, over %v: must not be negative", s.ConnectFrom, s.ConnectOver)
	}
	var dear error
	if s.Dear > 0 {
		dear = s.DearMessage.check()
	}
	return errors.Join(s.Message.check(), dear)
}

func (m *Message) check() error {
	if m.Every < 0 || m.Every > 0 && m.Demand.Draw == nil {
		return fmt.Errorf("message every %v: must not be negative, and needs a demand", m.Every)
	}
	return nil
}

// client is one of them.
type client struct {
	random  *rand.Rand
	group   *Sockets
	message *Message
	// connecting, sending and ending are when it does so next.
	connecting, sending, ending float64
	// opened is when its connection began.
	opened  float64
	proxy   int32
	backend int16
	open    bool
	// lost is that it wants a connection and could not have one, or lost one for good.
	lost bool
}

func newClients(s *Scenario, seed uint64) []client {
	var out []client
	for g := range s.Sockets {
		group := &s.Sockets[g]
		for i := range group.Clients {
			c := client{random: stream(seed, streamSockets+uint64(len(out))), group: group, message: &group.Message}
			if i < group.Dear {
				c.message = &group.DearMessage
			}
			c.connecting = group.ConnectFrom.Seconds() + group.ConnectOver.Seconds()*c.random.Float64()
			out = append(out, c)
		}
	}
	return out
}

// next is when it does something.
func (c *client) next() float64 {
	if !c.open {
		return c.connecting
	}
	return min(c.sending, c.ending)
}
