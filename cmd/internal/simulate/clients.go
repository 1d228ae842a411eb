package simulate

import "math"

// message is one that has been sent and not been answered.
type message struct {
	at, wait float64
	pool     int32
}

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
	p := &e.pools[c.group.Pool]
	c.proxy = 0
	if n := len(p.proxies); n > 1 {
		c.proxy = c.random.Int32N(int32(n))
	}
	place := p.proxies[c.proxy].pick()
	if place < 0 {
		p.refuse(now)
		c.retry(now)
		return
	}
	b := int(p.members[place])
	if e.fails(b) {
		p.counts.start(int(c.proxy), place)
		p.counts.end(int(c.proxy), place, 0, true)
		p.count(now)
		p.fail(now)
		c.retry(now)
		return
	}
	p.counts.connect(int(c.proxy), place)
	e.meter.start(b)
	p.proxies[c.proxy].changed(place)
	c.enter(now, b)
}

func (c *client) enter(now float64, backend int) {
	c.open, c.lost, c.backend, c.opened = true, false, int16(backend), now
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

// retry is after a connection has ended, or has not come about.
func (c *client) retry(now float64) {
	c.lost = !c.open
	c.open, c.connecting = false, math.Inf(1)
	if c.group.Reconnect != nil {
		c.connecting = now + max(c.group.Reconnect(c.random), soonest)
	}
}

func (e *engine) disconnect(now float64, c *client) {
	p, b := &e.pools[c.group.Pool], int(c.backend)
	place := int(p.places[b])
	p.counts.disconnect(int(c.proxy), place)
	e.meter.leave(b)
	p.proxies[c.proxy].changed(place)
	c.retry(now)
}

// cutOff is a connection that somebody else than its client ends.
func (e *engine) cutOff(now float64, i int) {
	c := &e.clients[i]
	e.disconnect(now, c)
	c.lost = c.group.Reconnect == nil
	e.due.set(i, c.next())
}

func (e *engine) send(now float64, c *client) {
	c.sending = now + c.message.Every.Seconds()
	e.pools[c.group.Pool].count(now)
	work, wait := c.message.Demand.Draw(c.random, seconds(now))
	e.work(now, job{request: e.take(message{now, wait, int32(c.group.Pool)}), backend: c.backend, message: true}, work)
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
			e.pools[c.group.Pool].lose(now)
			e.cutOff(now, i)
		}
	}
}
