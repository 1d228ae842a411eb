package backend

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/google/go-cmp/cmp"
)

func dialled(t *testing.T, b *Backend) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(t.Context(), "ws://"+b.Addr()+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.CloseNow() })
	return c
}

func told(t *testing.T, c *websocket.Conn, m Message) {
	t.Helper()
	if err := wsjson.Write(t.Context(), c, m); err != nil {
		t.Fatal(err)
	}
}

// answered is an answer, and how much of it is not rounded away.
func answered(t *testing.T, c *websocket.Conn) (Answer, time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	var a Answer
	if err := wsjson.Read(ctx, c, &a); err != nil {
		t.Fatal(err)
	}
	return a, time.Duration(a.Served * float64(time.Second))
}

// A message does not wait for the one before it, as two requests would not.
func TestMessagesAreWorkedOnSideBySide(t *testing.T) {
	b := started(t, Config{Cores: 2})
	c := dialled(t, b)
	told(t, c, Message{ID: 1, Demand: 3600})
	id := uint64(1)
	n := leastServed(t, 20*time.Millisecond, func() time.Duration {
		id++
		told(t, c, Message{ID: id, Demand: 0.02})
		got, served := answered(t, c)
		if got.ID != id || got.Status != 200 {
			t.Errorf("%+v, want %d while 1 is worked on", got, id)
		}
		return served
	})
	condition(t, b, func(c *Condition) { c.Speed = 1e6 })
	if got, _ := answered(t, c); got.ID != 1 || got.Status != 200 {
		t.Errorf("%+v, want 1", got)
	}
	if got := b.Totals(); got.Messages != uint64(n)+1 || got.FailedMessages != 0 || got.Served != 0 || got.OpenRequests != 0 {
		t.Errorf("%+v after %d messages", got, n+1)
	}
}

func TestConditionsConcernMessages(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Condition)
		status int
		served time.Duration
	}{
		"healthy":  {func(*Condition) {}, 200, 50 * time.Millisecond},
		"waiting":  {func(c *Condition) { c.WaitFactor = 2 }, 200, 80 * time.Millisecond},
		"distance": {func(c *Condition) { c.Distance = 15 * time.Millisecond }, 200, 65 * time.Millisecond},
		"error":    {func(c *Condition) { c.ErrorShare = 1 }, 500, time.Millisecond},
		"hang":     {func(c *Condition) { c.Hang = 60 * time.Millisecond }, 504, 60 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			b := started(t, Config{Cores: 1})
			c := dialled(t, b)
			condition(t, b, test.change)
			n := leastServed(t, test.served, func() time.Duration {
				told(t, c, Message{ID: 7, Demand: 0.02, Wait: 0.03})
				got, served := answered(t, c)
				if got.ID != 7 || got.Status != test.status {
					t.Errorf("%+v, want status %d", got, test.status)
				}
				return served
			})
			want := Totals{Messages: uint64(n)}
			if test.status != 200 {
				want = Totals{FailedMessages: uint64(n)}
			}
			if got := b.Totals(); got.Messages != want.Messages || got.FailedMessages != want.FailedMessages {
				t.Errorf("%+v after %d messages", got, n)
			}
		})
	}
}

func TestConditionsConcernWebSockets(t *testing.T) {
	b := started(t, Config{Cores: 1})
	condition(t, b, func(c *Condition) { c.ErrorShare = 1 })
	if _, resp, err := websocket.Dial(t.Context(), "ws://"+b.Addr()+"/ws", nil); err == nil || resp == nil || resp.StatusCode != 500 {
		t.Errorf("response %v, error %v", resp, err)
	}
	condition(t, b, func(c *Condition) { c.ErrorShare = 0 })
	c := dialled(t, b)
	told(t, c, Message{ID: 1, Demand: 3600})
	condition(t, b, func(c *Condition) { c.Away = true })
	if _, _, err := c.Read(t.Context()); err == nil {
		t.Error("it is away, and its connections are not")
	}
	if got, want := b.Totals(), (Totals{Failed: 1, Sockets: 1}); got.BusySeconds > 10 || cmp.Diff(Totals{Failed: got.Failed, Sockets: got.Sockets, OpenSockets: got.OpenSockets}, want) != "" {
		t.Errorf("%+v", got)
	}
}

// Whatever comes in is work that can be done.
func FuzzParseMessage(f *testing.F) {
	for _, seed := range []string{"", "hello", `{"id":1,"demand":0.02}`, `{"demand":-1,"wait":1e300}`, `{"id":-1}`, `{"demand":1e999}`, `[1]`, `{"demand":"1"}`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m := parseMessage(text)
		if !(m.Demand >= 0) || math.IsInf(m.Demand, 0) || !(m.Wait >= 0 && m.Wait <= longestWait) {
			t.Errorf("%q is taken for %+v", text, m)
		}
	})
}
