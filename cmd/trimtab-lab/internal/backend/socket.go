package backend

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
)

func (b *Backend) serveSocket(s *server, w http.ResponseWriter, r *http.Request) {
	w.Header().Set(NameHeader, b.cfg.Name)
	if b.fails() || rand.Float64() < b.Condition().ErrorShare || !s.enter() {
		b.station.tally(func(c *counts) { c.failed++ })
		http.Error(w, "failing on demand", http.StatusInternalServerError)
		return
	}
	defer s.exit()
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
	if err != nil {
		return // Accept has told the client
	}
	b.station.tally(func(c *counts) { c.sockets++; c.openSockets++ })
	defer b.station.tally(func(c *counts) { c.openSockets-- })
	defer func() { _ = c.CloseNow() }()
	defer closeAfter(c, b.life())()
	b.converse(r.Context(), c)
}

// closeAfter says goodbye after a while, if that is not 0. The function that
// it returns ends that and waits for it.
func closeAfter(c *websocket.Conn, life time.Duration) func() {
	if life == 0 {
		return func() {}
	}
	closed := make(chan struct{})
	t := time.AfterFunc(life, func() {
		defer close(closed)
		_ = c.Close(websocket.StatusGoingAway, "its time is over")
	})
	return func() {
		if !t.Stop() {
			<-closed
		}
	}
}

// converse serves messages until either side closes. Work of a client that has
// left is dropped.
func (b *Backend) converse(ctx context.Context, c *websocket.Conn) {
	var answers sync.WaitGroup
	defer answers.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		kind, text, err := c.Read(ctx)
		if err != nil {
			return
		}
		m := parseMessage(text)
		if m.ID != 0 {
			answers.Go(func() { b.answer(ctx, c, m) })
			continue
		}
		if b.gate.pass(ctx) != nil {
			return
		}
		if _, err := b.station.do(ctx, m.Demand); err != nil {
			return
		}
		if c.Write(ctx, kind, text) != nil {
			return
		}
	}
}

// answer does a message's work as a request's is done.
func (b *Backend) answer(ctx context.Context, c *websocket.Conn, m Message) {
	came := time.Now()
	if b.gate.pass(ctx) != nil {
		return
	}
	status, left := b.work(ctx, came, m.Demand, m.Wait)
	if status == aborted {
		return
	}
	b.station.tally(func(c *counts) {
		if status == http.StatusOK {
			c.messages++
		} else {
			c.failedMessages++
		}
	})
	// Where it cannot be written, the reader sees why.
	_ = wsjson.Write(ctx, c, Answer{ID: m.ID, Status: status, Served: left.Sub(came).Seconds()})
}
