package load

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/coder/websocket"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// live is one client's whole life: connect, talk, part.
func (s *sockets) live(ctx context.Context, rng *rand.Rand) {
	begun := time.Now()
	dial, cancel := context.WithTimeout(ctx, s.opts.Timeout)
	conn, _, err := websocket.Dial(dial, s.opts.URL, &websocket.DialOptions{HTTPClient: s.client})
	cancel()
	if err != nil {
		if ctx.Err() == nil {
			s.note(func(r *SocketResult) { r.Failed++ })
		}
		return
	}
	defer func() { _ = conn.CloseNow() }()
	s.note(func(r *SocketResult) {
		record(r.Handshakes, time.Since(begun))
		r.Opened++
		s.open++
		r.Peak = max(r.Peak, s.open)
	})
	if s.opts.Life > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rng.ExpFloat64()*float64(s.opts.Life)))
		defer cancel()
	}
	c := &socketClient{sockets: s, conn: conn, rng: rng, echoes: make(chan struct{}, 1), gone: make(chan error, 1)}
	go c.read()
	end := c.talk(ctx)
	s.note(func(r *SocketResult) {
		s.open--
		end(r)
	})
}

// ending counts how a connection ended.
type ending func(*SocketResult)

func byClient(r *SocketResult) { r.ClosedByClient++ }
func byServer(r *SocketResult) { r.ClosedByServer++ }
func cutOff(r *SocketResult)   { r.Broken++ }

// endingOf tells a goodbye from a broken connection.
func endingOf(err error) ending {
	switch websocket.CloseStatus(err) {
	case websocket.StatusNormalClosure, websocket.StatusGoingAway:
		return byServer
	default:
		return cutOff
	}
}

// socketClient is a client that is connected. Its reader runs until the
// connection ends; whatever ends talk has taken the reader's last word.
type socketClient struct {
	*sockets
	conn   *websocket.Conn
	rng    *rand.Rand
	echoes chan struct{}
	gone   chan error
}

// read hands on echoes until the connection ends. Pings and closes are
// answered only while somebody reads.
func (c *socketClient) read() {
	for {
		if _, _, err := c.conn.Read(context.Background()); err != nil {
			c.gone <- err
			return
		}
		select {
		case c.echoes <- struct{}{}:
		default: // nobody asked for this one
		}
	}
}

// talk sends messages until either side has had enough.
func (c *socketClient) talk(ctx context.Context) ending {
	pause := time.NewTimer(c.opts.Every)
	defer pause.Stop()
	if c.opts.Every == 0 {
		pause.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			_ = c.conn.Close(websocket.StatusNormalClosure, "")
			<-c.gone
			return byClient
		case err := <-c.gone:
			return endingOf(err)
		case <-pause.C:
		}
		if end := c.echo(ctx); end != nil {
			return end
		}
		pause.Reset(c.opts.Every)
	}
}

// echo sends one message and waits for it to come back; a client that is to
// leave leaves afterwards. It returns nil unless the connection has ended.
func (c *socketClient) echo(ctx context.Context) ending {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.opts.Timeout)
	defer cancel()
	text, err := json.Marshal(backend.Message{Demand: c.rng.ExpFloat64() * c.opts.Demand.Seconds()})
	sent := time.Now()
	if err == nil {
		err = c.conn.Write(ctx, websocket.MessageText, text)
	}
	if err == nil {
		select {
		case <-c.echoes:
			c.note(func(r *SocketResult) { record(r.Echoes, time.Since(sent)) })
			return nil
		case err := <-c.gone:
			return endingOf(err)
		case <-ctx.Done():
		}
	}
	_ = c.conn.CloseNow()
	return endingOf(<-c.gone) // a write fails after a goodbye, too
}

func record(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(d, maxLatency).Microseconds())
}
