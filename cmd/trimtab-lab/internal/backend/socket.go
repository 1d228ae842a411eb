package backend

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// Message is what a WebSocket client sends; the backend does the work and
// sends the message back as it came. What is not JSON is no work.
type Message struct {
	// Demand is the message's work: seconds of one core at speed 1.
	Demand float64 `json:"demand,omitempty"`
	// Text is the client's own.
	Text string `json:"text,omitempty"`
}

func (b *Backend) serveSocket(s *server, w http.ResponseWriter, r *http.Request) {
	w.Header().Set(NameHeader, b.cfg.Name)
	if b.fails() || !s.enter() {
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
	defer b.station.tally(func(c *counts) { c.openSockets--; c.served++ })
	defer func() { _ = c.CloseNow() }()
	defer closeAfter(c, b.life())()
	b.echo(r.Context(), c)
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

// echo serves messages until either side closes.
func (b *Backend) echo(ctx context.Context, c *websocket.Conn) {
	for {
		kind, text, err := c.Read(ctx)
		if err != nil {
			return
		}
		var m Message
		if json.Unmarshal(text, &m) != nil {
			m.Demand = 0
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
