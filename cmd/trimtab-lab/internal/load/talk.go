package load

import (
	"context"
	"slices"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// enqueue notes a message that is about to be sent; false is that there is no
// connection to send it on any more.
func (l *link) enqueue(outcome int, at time.Duration) (message, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	m := message{id: l.last, outcome: outcome, at: at}
	if !l.finished {
		l.unheard = append(l.unheard, m)
	}
	return m, !l.finished
}

// send writes a message. One that cannot be written has ended the connection,
// which the reader sees.
func (l *link) send(ctx context.Context, m message, a Act) {
	l.mu.Lock()
	if i := l.find(m.id); i >= 0 {
		l.unheard[i].late = l.owner.elapsed() - m.at
	}
	l.mu.Unlock()
	_ = wsjson.Write(ctx, l.conn, backend.Message{ID: m.id, Demand: a.Demand.Seconds(), Wait: a.Wait.Seconds()})
}

func (l *link) find(id uint64) int {
	return slices.IndexFunc(l.unheard, func(m message) bool { return m.id == id })
}

// leave says whether to close the connection now; otherwise whoever hears the last
// answer does.
func (l *link) leave() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving = true
	return len(l.unheard) == 0 && !l.finished
}

func (l *link) close() { _ = l.conn.Close(websocket.StatusNormalClosure, "") }

// listen hears answers until the connection ends.
func (l *link) listen(ctx context.Context) {
	defer func() { _ = l.conn.CloseNow() }()
	for {
		var a backend.Answer
		if wsjson.Read(ctx, l.conn, &a) != nil {
			l.end(ctx)
			return
		}
		l.answered(ctx, a)
	}
}

func (l *link) answered(ctx context.Context, a backend.Answer) {
	now := l.owner.elapsed()
	l.mu.Lock()
	i := l.find(a.ID)
	if i < 0 {
		l.mu.Unlock()
		return
	}
	m := l.unheard[i]
	l.unheard = slices.Delete(l.unheard, i, i+1)
	last := l.leaving && len(l.unheard) == 0
	l.mu.Unlock()
	served := time.Duration(a.Served * float64(time.Second))
	l.owner.heard(ctx, m, outcome{status: a.Status, latency: now - m.at, served: served})
	if last {
		l.close()
	}
}

// end is the end of the connection: nothing more will be heard.
func (l *link) end(ctx context.Context) {
	now := l.owner.elapsed()
	l.mu.Lock()
	lost := l.unheard
	l.unheard, l.finished = nil, true
	l.mu.Unlock()
	for _, m := range lost {
		l.owner.heard(ctx, m, outcome{status: broken, latency: now - m.at})
	}
	l.owner.locked(func() {
		l.owner.open--
		if l.player.link != l || ctx.Err() != nil {
			return // its client has left it
		}
		l.player.link = nil
		l.owner.result.Lost++
		l.owner.lost = append(l.owner.lost, Loss{now, l.backend})
		l.player.client.Connection(false, now)
		l.owner.schedule(l.player)
	})
}

// heard notes what became of a message. What is broken off by the end of it all
// stays without an answer.
func (c *Clients) heard(ctx context.Context, m message, o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.busy--
	if o.status == broken && ctx.Err() != nil {
		return
	}
	to := &c.outcomes[m.outcome]
	to.status, to.latency, to.served, to.late = o.status, o.latency, o.served, m.late
}
