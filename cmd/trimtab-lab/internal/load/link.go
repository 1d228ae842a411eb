package load

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"syscall"
	"time"

	"github.com/coder/websocket"
)

// handshakeTimeout is how long a client waits for its connection.
const handshakeTimeout = 30 * time.Second

// link is one connection, from the handshake to its end. Its mu may be taken by who
// has its owner's, and not the other way round.
type link struct {
	owner   *Clients
	player  *player
	conn    *websocket.Conn
	backend int
	// opened is when it was there, counted from the beginning.
	opened time.Duration

	mu sync.Mutex
	// last is the newest message's id; unheard are those without an answer.
	last    uint64
	unheard []message
	// leaving closes it with the last answer. When it is finished there is no
	// connection any more, and nothing is unheard.
	leaving, finished bool
}

// message is one on its way.
type message struct {
	id      uint64
	outcome int // its place among the outcomes
	at      time.Duration
	late    time.Duration
}

// connect is a handshake, and then all that is heard.
func (c *Clients) connect(ctx context.Context, p *player, a Act) {
	late := c.elapsed() - a.At
	dial, cancel := context.WithTimeout(ctx, handshakeTimeout)
	conn, resp, err := websocket.Dial(dial, c.opts.URLs[a.To], &websocket.DialOptions{HTTPClient: c.client})
	cancel()
	now := c.elapsed()
	if err != nil {
		c.locked(func() {
			c.busy--
			if ctx.Err() != nil {
				return
			}
			c.result.Failed++
			c.outcomes = append(c.outcomes, outcome{at: a.At, late: late, latency: now - a.At, status: refusal(resp, err), backend: nobody})
			p.client.Connection(false, now)
			c.schedule(p)
		})
		return
	}
	l := &link{owner: c, player: p, conn: conn, backend: c.places.of(resp.Header), opened: now}
	c.locked(func() {
		c.busy--
		c.open++
		c.result.Opened++
		c.result.Peak = max(c.result.Peak, c.open)
		c.opened = append(c.opened, opening{a.At, now - a.At})
		p.link = l
		p.client.Connection(true, a.At)
		c.schedule(p)
	})
	l.listen(ctx)
}

// locked lets something happen that may change when somebody acts next.
func (c *Clients) locked(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
	c.arm()
}

// refusal is the status of a handshake that has failed. Who finds this machine at
// its limits has not asked anybody.
func refusal(resp *http.Response, err error) int {
	switch {
	case resp != nil && resp.StatusCode >= http.StatusBadRequest:
		return resp.StatusCode
	case errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return notSent
	default:
		return broken
	}
}
