package simulate

import (
	"math"
	"time"
)

// Client is one client with a long-lived connection, for whoever plays it
// elsewhere. It draws what it draws in a simulation with that seed, as long as the
// same becomes of its connections.
type Client struct {
	drawn   client
	proxies int32
	end     time.Duration
	// dialled is when it began to connect last, in seconds.
	dialled float64
}

// Act is what a client does at one time.
type Act struct {
	At   time.Duration
	Kind ActKind
	// Proxy is the index of the one that a client connects to.
	Proxy int
	// Work, at speed 1, and Wait are what a message costs.
	Work, Wait time.Duration
}

// ActKind is a kind of act.
type ActKind uint8

const (
	// ActConnect is followed by Opened or Closed.
	ActConnect ActKind = iota
	// ActSend sends a message, whether or not earlier ones have been answered.
	ActSend
	// ActLeave ends the connection; the client may come back later.
	ActLeave
)

// Clients returns the clients that every policy sees with that seed, none of
// which is connected.
func Clients(s *Scenario, seed uint64) ([]*Client, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	all := newClients(s, seed)
	out := make([]*Client, len(all))
	for i, c := range all {
		out[i] = &Client{drawn: c, proxies: int32(s.Proxies), end: s.Duration}
	}
	return out, nil
}

// Next is when it acts next. It is false when it never does, unless something
// becomes of its connection.
func (c *Client) Next() (time.Duration, bool) {
	next := c.drawn.next()
	if next >= c.end.Seconds() {
		return 0, false
	}
	return seconds(next), true
}

// Act is what it does at that time. It may be called only when there is one.
func (c *Client) Act() Act {
	d := &c.drawn
	now := d.next()
	out := Act{At: seconds(now)}
	switch {
	case !d.open:
		if c.proxies > 1 {
			out.Proxy = int(d.random.Int32N(c.proxies))
		}
		c.dialled, d.connecting = now, math.Inf(1)
	case d.ending <= d.sending:
		out.Kind = ActLeave
		d.retry(now)
	default:
		out.Kind = ActSend
		d.sending = now + d.message.Every.Seconds()
		work, wait := d.message.Demand.Draw(d.random, out.At)
		out.Work, out.Wait = seconds(work), seconds(wait)
	}
	return out
}

// Opened says that it is connected. Its connection's time counts from when it
// began to connect, as in a simulation, where that takes no time.
func (c *Client) Opened() { c.drawn.enter(c.dialled, 0) }

// Closed says that its connection did not come about, or was ended by somebody
// else.
func (c *Client) Closed(at time.Duration) {
	d := &c.drawn
	d.retry(at.Seconds())
	d.lost = d.lost || d.group.Reconnect == nil
}

// Lost is that it wants a connection and could not have one when it tried last, or
// that somebody else has ended the one that it had and it never comes back.
func (c *Client) Lost() bool { return c.drawn.lost }
