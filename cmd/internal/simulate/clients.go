package simulate

import "math"

// message is one that has been sent and not been answered.
type message struct{ at, wait float64 }

// act lets a client do what it is due to.
func (e *engine) act(now float64, i int) {
	c := &e.clients[i]
	switch {
	case !c.open:
		e.connect(now, c)
	case c.ending <= c.sending:
		e.disconnect(now, c)
	default:
		e.send(now, c)
	}
	e.due.set(i, c.next())
}

// connect counts as a request only when it fails: what a connection is for are
// its messages.
func (e *engine) connect(now float64, c *client) {
	c.proxy = 0
	if e.scenario.Proxies > 1 {
		c.proxy = c.random.Int32N(int32(e.scenario.Proxies))
	}
	b := e.proxies[c.proxy].pick()
	switch {
	case b < 0:
		e.refuse(now)
		c.retry(now)
	case e.fails(b):
		e.counts.start(int(c.proxy), b)
		e.counts.end(int(c.proxy), b, 0, true)
		e.count(now)
		e.fail(now)
		c.retry(now)
	default:
		e.counts.connect(int(c.proxy), b)
		e.meter.start(b)
		e.proxies[c.proxy].changed(b)
		c.enter(now, b)
	}
}

func (c *client) enter(now float64, backend int) {
	c.open, c.backend, c.since = true, int16(backend), now
	c.sending, c.ending = math.Inf(1), math.Inf(1)
	if every := c.message.Every.Seconds(); every > 0 {
		c.sending = now + every*c.random.Float64()
	}
	if c.group.Lifetime != nil {
		c.ending = now + c.group.Lifetime(c.random)
	}
}

// soonest is after how many seconds a client comes back at the least: without
// any, one that finds nobody would try for ever at the same instant.
const soonest = 1e-3

func (c *client) retry(now float64) {
	c.open, c.connecting = false, math.Inf(1)
	if c.group.Reconnect != nil {
		c.connecting = now + max(c.group.Reconnect(c.random), soonest)
	}
}

func (e *engine) disconnect(now float64, c *client) {
	b := int(c.backend)
	e.counts.disconnect(int(c.proxy), b)
	e.meter.leave(b)
	e.proxies[c.proxy].changed(b)
	c.retry(now)
}

func (e *engine) send(now float64, c *client) {
	c.sending = now + c.message.Every.Seconds()
	e.count(now)
	work, wait := c.message.Demand.Draw(c.random, seconds(now))
	e.work(now, job{request: e.take(message{now, wait}), backend: c.backend, message: true}, work)
}

// take finds a place for a message.
func (e *engine) take(m message) int32 {
	if n := len(e.free); n > 0 {
		slot := e.free[n-1]
		e.free = e.free[:n-1]
		e.messages[slot] = m
		return slot
	}
	e.messages = append(e.messages, m)
	return int32(len(e.messages) - 1)
}

// breakOff ends all connections to a backend.
func (e *engine) breakOff(now float64, backend int) {
	for i := range e.clients {
		if c := &e.clients[i]; c.open && int(c.backend) == backend {
			e.disconnect(now, c)
			e.due.set(i, c.next())
		}
	}
}
