package load

import (
	"context"
	"math"
	"net"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// scripted is a client that acts by a list, and does nothing while it has no
// connection but connect. It comes back at once when it is to.
type scripted struct {
	acts     []Act
	open     bool
	comeBack bool
	refused  chan time.Duration
}

func (s *scripted) Next() (time.Duration, bool) {
	if len(s.acts) == 0 || !s.open && s.acts[0].Kind != Connect {
		return 0, false
	}
	return s.acts[0].At, true
}

func (s *scripted) Act() Act {
	a := s.acts[0]
	s.acts = s.acts[1:]
	return a
}

func (s *scripted) Connection(open bool, at time.Duration) {
	s.open = open
	if open {
		return
	}
	if s.refused != nil {
		s.refused <- at
	}
	s.acts = nil
	if s.comeBack {
		s.acts, s.comeBack = []Act{{At: at, Kind: Connect}}, false
	}
}

func playing(t *testing.T, length time.Duration, addr string, all ...*scripted) *Clients {
	t.Helper()
	o := ClientOptions{URLs: []string{"ws://" + addr + "/ws"}, Length: length, Backends: []string{"other", "b"}}
	for _, s := range all {
		o.Clients = append(o.Clients, s)
	}
	c, err := StartClients(t.Context(), o, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Stop)
	return c
}

func settled(t *testing.T, c *Clients) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := c.Settled(ctx); err != nil {
		t.Fatal(err)
	}
	c.Stop()
}

// every is a client's life: connect, so many messages, and leave if it is to.
func every(gap time.Duration, demand time.Duration, messages int, leave bool) []Act {
	acts := []Act{{Kind: Connect}}
	at := time.Duration(0)
	for range messages {
		acts = append(acts, Act{At: at, Kind: Send, Demand: demand})
		at += gap
	}
	if leave {
		acts = append(acts, Act{At: at, Kind: Leave})
	}
	return acts
}

func TestClientsLiveAsTheyPlan(t *testing.T) {
	const length, demand = 500 * time.Millisecond, 5 * time.Millisecond
	b := server(t, backend.Config{Name: "b", Cores: 100})
	c := playing(t, length, b.Addr(),
		&scripted{acts: every(20*time.Millisecond, demand, 10, true)},
		&scripted{acts: append(every(20*time.Millisecond, demand, 2, true), Act{At: 200 * time.Millisecond, Kind: Connect})},
		&scripted{acts: every(100*time.Millisecond, demand, 100, false)}) // the others are after the end
	settled(t, c)
	connections := c.Result(0, time.Hour)
	if connections.Opened != 4 || connections.Failed != 0 || connections.Lost != 0 || connections.Peak < 2 || connections.OpenLate.Max <= 0 {
		t.Errorf("connections %+v", connections)
	}
	got := Final(0, time.Hour, c)
	if got.Requests != 17 || got.Errors.Total() != 0 || got.Unfinished != 0 || got.Served.P50 < demand || got.Latency.P50 < got.Served.P50 {
		t.Errorf("result %+v", got)
	}
	if n := b.Totals(); n.Messages != 17 || n.Sockets != 4 {
		t.Errorf("totals %+v", n)
	}
	// The last message was to be sent after 400 ms, or with its connection if that
	// was open later.
	if late := Final(400*time.Millisecond, time.Hour, c); late.Requests < 1 {
		t.Errorf("%d messages from 400 ms on", late.Requests)
	}
	seconds := 0
	by := Latencies(2, time.Hour, c)
	for i := range by[0] {
		if !math.IsNaN(by[0][i]) || by[1][i] < demand.Seconds() {
			t.Errorf("latencies in second %d are %v and %v", i, by[0][i], by[1][i])
		}
		if !math.IsNaN(by[1][i]) {
			seconds++
		}
	}
	if seconds == 0 {
		t.Error("no latencies in any second")
	}
}

// Messages count in the window in which they were to be sent, and their latencies in
// the second and with the backend of the answer.
func TestMessagesCountWhereTheyBelong(t *testing.T) {
	at := func(at, latency time.Duration, backend int) outcome {
		return outcome{at: at, latency: latency, served: latency, status: 200, backend: backend}
	}
	c := &Clients{outcomes: []outcome{
		at(0, 10*time.Millisecond, 1), at(200*time.Millisecond, 30*time.Millisecond, 1), at(300*time.Millisecond, 800*time.Millisecond, 1),
		at(499*time.Millisecond, time.Second, nobody), at(500*time.Millisecond, 3*time.Second, 1),
	}}
	for _, test := range []struct {
		from, to time.Duration
		want     int
	}{{0, 500 * time.Millisecond, 4}, {300 * time.Millisecond, 500 * time.Millisecond, 2}, {500 * time.Millisecond, time.Second, 1}, {time.Second, time.Hour, 0}} {
		if got := Final(test.from, test.to, c); got.Requests != test.want {
			t.Errorf("%d messages from %v to %v, want %d", got.Requests, test.from, test.to, test.want)
		}
	}
	want := [][]float64{{math.NaN(), math.NaN()}, {0.02, 0.8}}
	if diff := cmp.Diff(want, Latencies(2, 2*time.Second, c), cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9)); diff != "" {
		t.Errorf("latencies by backend and second (-want +got):\n%s", diff)
	}
}

// A message does not wait for the answer to the one before it, and who leaves
// waits for all of them.
func TestClientsLeaveWithTheirAnswers(t *testing.T) {
	b := server(t, backend.Config{Name: "b", Cores: 1})
	c := playing(t, 50*time.Millisecond, b.Addr(), &scripted{acts: every(10*time.Millisecond, 100*time.Millisecond, 3, true)})
	settled(t, c)
	got := Final(0, time.Hour, c)
	if got.Requests != 3 || got.Errors.Total() != 0 || got.Latency.Max < 250*time.Millisecond {
		t.Errorf("result %+v", got)
	}
	if lost := c.Result(0, time.Hour).Lost; lost != 0 {
		t.Errorf("%d were lost", lost)
	}
}

func TestClientsComeBackWhenTheyAreLost(t *testing.T) {
	b := server(t, backend.Config{Name: "b", Cores: 1})
	s := &scripted{acts: every(time.Millisecond, time.Hour, 1, false), comeBack: true}
	c := playing(t, time.Hour, b.Addr(), s)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for b.Totals().OpenSockets < 1 || b.Totals().BusySeconds == 0 {
		<-tick.C
	}
	for _, away := range []bool{true, false} {
		condition := b.Condition()
		condition.Away = away
		if err := b.SetCondition(t.Context(), condition); err != nil {
			t.Fatal(err)
		}
	}
	for c.Result(0, time.Hour).Opened+c.Result(0, time.Hour).Failed < 2 { // it may have come too early
		<-tick.C
	}
	c.Stop()
	if got := c.Result(0, time.Hour); got.Lost != 1 || len(got.LostThen) != 1 || len(c.Result(time.Hour, 2*time.Hour).LostThen) != 0 {
		t.Errorf("connections %+v, want one lost", got)
	}
	if got := Final(0, time.Hour, c); got.Errors.Broken < 1 {
		t.Errorf("the message on the lost connection has not failed: %+v", got)
	}
}

func TestHandshakesThatFailAreErrors(t *testing.T) {
	fails, away := server(t, backend.Config{Cores: 1}), server(t, backend.Config{Cores: 1})
	condition := fails.Condition()
	condition.ErrorShare = 1
	if err := fails.SetCondition(t.Context(), condition); err != nil {
		t.Fatal(err)
	}
	if err := away.SetFaults(t.Context(), backend.Faults{Refuse: true}); err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]Errors{fails.Addr(): {Status: 1}, away.Addr(): {Broken: 1}} {
		s := &scripted{acts: every(time.Millisecond, 0, 1, false), refused: make(chan time.Duration, 1)}
		c := playing(t, 10*time.Millisecond, addr, s)
		settled(t, c)
		if at := <-s.refused; at <= 0 {
			t.Errorf("refused at %v", at)
		}
		got := Final(0, time.Second, c)
		if diff := cmp.Diff(want, got.Errors); diff != "" || got.Requests != 1 || c.Result(0, time.Hour).Failed != 1 {
			t.Errorf("%+v, %+v (-want +got):\n%s", got, c.Result(0, time.Hour), diff)
		}
	}
}

// A server that takes messages and never answers: they are unfinished, and Stop
// does not wait for it.
func TestClientsStop(t *testing.T) {
	b := server(t, backend.Config{Name: "b", Cores: 1})
	if err := b.SetFaults(t.Context(), backend.Faults{Hang: true}); err != nil {
		t.Fatal(err)
	}
	silent, err := net.Listen("tcp", "127.0.0.1:0") // never accepts
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for _, addr := range []string{b.Addr(), silent.Addr().String()} {
		c := playing(t, time.Hour, addr, &scripted{acts: every(time.Millisecond, 0, 3, true)})
		c.Stop()
		if got := Final(0, time.Hour, c); got.Errors.Total() != 0 || got.Unfinished != got.Requests {
			t.Errorf("%+v", got)
		}
	}
	if _, err := StartClients(t.Context(), ClientOptions{}, time.Now()); err == nil {
		t.Error("clients without anywhere to go were started")
	}
}

// A generator that starts late owns up to it.
func TestClientsCountFromTheIntendedInstant(t *testing.T) {
	b := server(t, backend.Config{Name: "b", Cores: 4})
	s := &scripted{acts: every(2*time.Millisecond, 0, 50, false)}
	const length = 200 * time.Millisecond
	c := playing(t, length, b.Addr(), s)
	settled(t, c)
	got := Final(0, time.Hour, c) // where the connection is open late, so are messages due
	if got.Requests != 50 || got.SendLate.Max <= 0 || got.SendLate.Max > got.Latency.Max {
		t.Errorf("%+v", got)
	}
	t.Log(Gate(got.SendLate, time.Millisecond))
}
