package report

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// asked notes who was asked to leave.
type asked struct {
	mu  sync.Mutex
	who []int
}

func (a *asked) leave(i int, err error) Leave {
	return func(context.Context, Reason) error {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.who = append(a.who, i)
		return err
	}
}

func (a *asked) sorted() []int {
	a.mu.Lock()
	defer a.mu.Unlock()
	slices.Sort(a.who)
	return slices.Clone(a.who)
}

func shed(t *testing.T, r *Reporter, n int, order Order) ShedAnswer {
	t.Helper()
	answer, err := r.Shed(t.Context(), ShedRequest{Connections: n, Order: order, By: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

func TestShedInOrder(t *testing.T) {
	for order, want := range map[Order][]int{"": {1, 2, 3}, Oldest: {1, 2, 3}, Youngest: {6, 7, 8}} {
		synctest.Test(t, func(t *testing.T) {
			r := reporter(t, Options{})
			var a asked
			r.Connect(nil) // cannot be asked
			for i := range 10 {
				c := r.Connect(a.leave(i, nil))
				if i == 0 || i == 9 {
					c.End()
				}
			}
			answer := shed(t, r, 3, order)
			synctest.Wait()
			if diff := cmp.Diff(ShedAnswer{Asked: 3, Open: 9, Movable: 5}, answer); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want, a.sorted()); diff != "" {
				t.Errorf("order %q (-want +got):\n%s", order, diff)
			}
			// Each is asked once.
			pass(time.Second)
			if answer := shed(t, r, 100, order); answer.Asked != 5 || answer.Movable != 0 {
				t.Errorf("the rest: %+v", answer)
			}
			pass(time.Second)
			if answer := shed(t, r, 100, order); answer.Asked != 0 || answer.Limited {
				t.Errorf("nobody left: %+v", answer)
			}
		})
	}
}

func TestShedIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reporter(t, Options{ShedRate: 20})
		var a asked
		for i := range 100 {
			r.Connect(a.leave(i, nil))
		}
		if answer := shed(t, r, 50, ""); answer.Asked != 20 || !answer.Limited || answer.Limit != 20 {
			t.Errorf("at once: %+v", answer)
		}
		if answer := shed(t, r, 50, ""); answer.Asked != 0 || !answer.Limited {
			t.Errorf("at once again: %+v", answer)
		}
		pass(500 * time.Millisecond)
		if answer := shed(t, r, 50, ""); answer.Asked != 10 {
			t.Errorf("half a second later: %+v", answer)
		}
	})
}

// A drain of many in half a minute is not slowed down as they become fewer.
func TestDrainKeepsItsPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reporter(t, Options{})
		var open []*Connection
		for range 10_000 {
			var c *Connection
			c = r.Connect(func(context.Context, Reason) error { c.End(); return nil })
			open = append(open, c)
		}
		for second := range 30 {
			if answer := shed(t, r, 334, ""); answer.Limited {
				t.Fatalf("second %d: %+v", second, answer)
			}
			pass(time.Second)
		}
		if n, _, _ := r.connections.count(); n != 0 {
			t.Errorf("%d of %d are left", n, len(open))
		}
	})
}

// A connection that cannot be asked does not stand in the way of others, and may
// be asked again.
func TestLeaveThatFails(t *testing.T) {
	for _, order := range []Order{Oldest, Youngest} {
		synctest.Test(t, func(t *testing.T) {
			r := reporter(t, Options{})
			var a asked
			first, second := 0, 1
			if order == Youngest {
				first, second = 1, 0
			}
			for i := range 2 {
				var err error
				if i == first {
					err = errors.New("not now")
				}
				r.Connect(a.leave(i, err))
			}
			for range 3 {
				shed(t, r, 1, order)
				synctest.Wait()
			}
			a.mu.Lock()
			defer a.mu.Unlock()
			if diff := cmp.Diff([]int{first, second, first}, a.who); diff != "" {
				t.Errorf("order %s (-want +got):\n%s", order, diff)
			}
		})
	}
}

// An application may find out that a connection cannot be asked while it is.
func TestLeaveThatFailsAndIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reporter(t, Options{})
		var c *Connection
		c = r.Connect(func(context.Context, Reason) error {
			c.setLeave(nil)
			return errors.New("not this one")
		})
		for range 3 {
			shed(t, r, 1, "")
			synctest.Wait()
		}
		if answer := shed(t, r, 1, ""); answer.Open != 1 || answer.Movable != 0 || answer.Asked != 0 {
			t.Errorf("%+v", answer)
		}
	})
}

func TestLeaveHasADeadlineAndCloseWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := reporter(t, Options{LeaveTimeout: 3 * time.Second})
		ended := make(chan error, 2)
		slow := func(ctx context.Context, _ Reason) error {
			<-ctx.Done()
			ended <- ctx.Err()
			return ctx.Err()
		}
		r.Connect(slow)
		shed(t, r, 1, "")
		began := time.Now()
		if err := <-ended; !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 3*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		synctest.Wait()
		shed(t, r, 1, "")
		r.Close()
		select {
		case err := <-ended:
			if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		default:
			t.Error("closed before the connection was done with")
		}
		if _, err := r.Shed(t.Context(), ShedRequest{Connections: 1}); !errors.Is(err, errClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// The list and the count agree, whatever happens in which order.
func TestConnectionsAddUp(t *testing.T) {
	r := reporter(t, Options{ShedRate: 1e9, Interval: time.Hour})
	rapid.Check(t, func(rt *rapid.T) {
		var held []*Connection
		open, movable := 0, 0
		leaves := func(bool) Leave { return func(context.Context, Reason) error { return nil } }
		type state struct{ ended, movable bool }
		states := map[*Connection]*state{}
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			switch step := rapid.IntRange(0, 3).Draw(rt, "step"); {
			case step == 0 || len(held) == 0:
				can := rapid.Bool().Draw(rt, "can")
				var leave Leave
				if can {
					leave = leaves(true)
					movable++
				}
				c := r.Connect(leave)
				states[c] = &state{movable: can}
				held, open = append(held, c), open+1
			case step == 1:
				c := rapid.SampledFrom(held).Draw(rt, "ended")
				c.End()
				if s := states[c]; !s.ended {
					open--
					s.ended = true
				}
			case step == 2:
				rapid.SampledFrom(held).Draw(rt, "cost").SetCost(1)
			default:
				_, _ = r.Shed(context.Background(), ShedRequest{Connections: rapid.IntRange(0, 5).Draw(rt, "n")})
			}
			got, _, _ := r.connections.count()
			r.connections.mu.Lock()
			listed := r.connections.movable.Len()
			r.connections.mu.Unlock()
			if got != open || listed > open || listed > movable {
				rt.Fatalf("%d open, want %d; %d listed of %d", got, open, listed, movable)
			}
		}
		for _, c := range held {
			c.End()
		}
		if r.connections.movable.Len() != 0 || len(r.connections.costs) != 0 {
			rt.Fatalf("%d listed, %d costs after all have ended", r.connections.movable.Len(), len(r.connections.costs))
		}
	})
}

// Clients of real WebSockets are told why, with the code that makes them come
// back.
func TestShedWebSockets(t *testing.T) {
	r := reporter(t, Options{})
	server := httptest.NewServer(r.Middleware(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		socket, err := websocket.Accept(w, request, nil)
		if err != nil {
			return
		}
		defer func() { _ = socket.CloseNow() }()
		c := r.Connection(w, CloseWebSocket(socket, ServiceRestart))
		c.SetCost(0.5)
		_, _, _ = socket.Read(request.Context())
	})))
	defer server.Close()
	const clients, going = 8, 3
	codes := make(chan string, clients)
	for range clients {
		socket, _, err := websocket.Dial(t.Context(), server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			_, _, err := socket.Read(context.Background())
			closed, _ := errors.AsType[websocket.CloseError](err)
			codes <- fmt.Sprintf("%d %s", closed.Code, closed.Reason)
		}()
	}
	until(t, func() error {
		r.connections.mu.Lock()
		defer r.connections.mu.Unlock()
		if n := r.connections.movable.Len(); n != clients {
			return fmt.Errorf("%d can be asked", n)
		}
		return nil
	})
	answer, err := r.Shed(t.Context(), ShedRequest{Connections: going, By: "trimtab", Reason: "web1 is busier than its share"})
	if err != nil || answer.Asked != going || answer.Open != clients || answer.Movable != clients-going {
		t.Errorf("%+v, %v", answer, err)
	}
	for range going {
		if got, want := <-codes, "1012 web1 is busier than its share"; got != want {
			t.Errorf("closed with %q, want %q", got, want)
		}
	}
	until(t, func() error { return counting(r, counts{Ended: clients, Connections: clients - going}) })
	server.CloseClientConnections()
}

func TestCloseTextFits(t *testing.T) {
	for _, text := range []string{"", "short", strings.Repeat("x", 200), strings.Repeat("é", 100), "x" + strings.Repeat("é", 100)} {
		got := Reason{Text: text}.CloseText()
		if len(got) > maxCloseReason || !utf8.ValidString(got) || !strings.HasPrefix(text, got) || (len(text) > maxCloseReason && len(got) < maxCloseReason-3) {
			t.Errorf("%q of %q", got, text)
		}
	}
}
