package main

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

func socketServers(t *testing.T, n int) []*socketServer {
	t.Helper()
	var out []*socketServer
	for range n {
		out = append(out, newSocketServer(t, ""))
	}
	return out
}

// drainLimit is when a drain over 10 s and less must be over at the latest: who was
// asked to go and came back to the same server, since its proxy was started anew, is
// asked once more.
const drainLimit = 45 * time.Second

// drained is the pool when the drain of its first backend is done.
func (r *running) drained(t *testing.T) status.Pool {
	t.Helper()
	return r.within(t, 2*time.Minute, "drained", func(p status.Pool) bool {
		return len(p.Backends) > 0 && p.Backends[0].Drain != nil && p.Backends[0].Drain.Done
	})
}

func (r *running) drain(t *testing.T, over string) {
	t.Helper()
	if code, out, errs := call(t, "drain", "ws", "s1", "--over", over, "--addr", r.addr); code != exitFine {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
}

// One pool that is two backends of one HAProxy, as behind an old and a new name of a
// site: what both hold counts, and both let go of it.
func TestAPoolOfTwoBackendsOfOneProxyIsDrained(t *testing.T) {
	t.Parallel()
	servers := socketServers(t, 3)
	in := proxyWith(t, instance.Options{Config: socketFarm(servers, "ws", "old"), Listeners: 2})
	r := start(t, fmt.Sprintf("  - {name: ws, kind: connections, from: haproxy, targets: [{haproxy: {socket: %q}}, {haproxy: {socket: %q, backend: old}}]}\n", in.Socket(), in.Socket()))
	crowd(t, in.Addr(0), 60)
	crowd(t, in.Addr(1), 90)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return openForLong(p, 50, 50, 50) })
	r.drain(t, "4s")
	began := time.Now()
	p := r.drained(t)
	t.Logf("%g connections through two backends gone after %.1f s", p.Backends[0].Drain.First, time.Since(began).Seconds())
	wantNone(t, servers[0])
	if math.Abs(float64(p.Backends[0].Drain.First)-50) > aBitMore {
		t.Errorf("the drain is of %g", p.Backends[0].Drain.First)
	}
	applied := p.Backends[1].Applied
	if len(applied) != 2 || applied["haproxy:"+in.Socket()+"#ws"] == 0 || applied["haproxy:"+in.Socket()+"#old"] == 0 {
		t.Errorf("weights in force %v, want those of two targets", applied)
	}
	for _, b := range p.Backends {
		if b.Shed != nil && b.Shed.LastError != "" {
			t.Errorf("%s: %s", b.Name, b.Shed.LastError)
		}
	}
}

func openSockets(servers []*socketServer) (counts []int64, sum int64) {
	for _, s := range servers {
		n := s.open.Load()
		counts, sum = append(counts, n), sum+n
	}
	return counts, sum
}

// wantBack waits for clients that were asked to leave to be somewhere again.
func wantBack(t *testing.T, servers []*socketServer, want int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		counts, sum := openSockets(servers)
		if sum == want {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%v sockets are open, want %d", counts, want)
		case <-ticker.C:
		}
	}
}

// wantNone waits for a server to see the last of its connections go: the proxy, and
// trimtab by it, know that first.
func wantNone(t *testing.T, s *socketServer) {
	t.Helper()
	wantBack(t, []*socketServer{s}, 0)
}

// aBitMore is by how many connections HAProxy's shares may be off: of its threads two may
// choose the same server before one of them counts.
const aBitMore = 2

// openForLong says whether all sockets have been open for long enough for HAProxy to know
// one from the next; each backend is to hold so many, or a few less where others do more.
func openForLong(p status.Pool, each ...float64) bool {
	var few []float64
	var want, held float64
	for i, n := range each {
		few, want = append(few, n-aBitMore), want+n
		if i < len(p.Backends) {
			held += float64(p.Backends[i].InFlight)
		}
	}
	return p.Tick >= 8 && held == want && holdsEach(p, few...)
}

func closedBy(p status.Pool) (closed uint64) {
	for _, b := range p.Backends {
		if b.Shed != nil {
			closed += b.Shed.Closed
		}
	}
	return closed
}

// A drain goes on where it was when the configuration of its pool changes.
func TestADrainGoesOnWhenTheConfigurationChanges(t *testing.T) {
	t.Parallel()
	servers := socketServers(t, 3)
	in := proxyWith(t, instance.Options{Config: socketFarm(servers, "ws"), Listeners: 1})
	pool := func(more string) string {
		return fmt.Sprintf("  - {name: ws, kind: connections, from: haproxy, targets: [{haproxy: {socket: %q}}]%s}\n", in.Socket(), more)
	}
	crowd(t, in.Addr(0), 240)
	r := child(t, pool(""))
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return openForLong(p, 80, 80, 80) })
	r.drain(t, "8s")
	began := time.Now()
	before := r.within(t, time.Minute, "a part drained", func(p status.Pool) bool {
		d := p.Backends[0].Drain
		return d != nil && d.Left < d.First-20
	}).Backends[0].Drain
	write(t, r.config, r.text(pool(", shed: {order: youngest, start_above: 5}")))
	hangUp(t, r)
	p := r.drained(t)
	took := time.Since(began)
	d := p.Backends[0].Drain
	if !d.Began.Equal(before.Began) || d.First != before.First || !d.Until.Equal(*before.Until) {
		t.Errorf("the drain is %+v after the change, was %+v", d, before)
	}
	if p.Shedding == nil || p.Shedding.State != "balanced" {
		t.Errorf("the configuration that was changed is not in force: %+v", p.Shedding)
	}
	wantNone(t, servers[0])
	wantBack(t, servers, 240)
	t.Logf("%g connections gone after %.1f s of 8 s, a change of the configuration in between", d.First, took.Seconds())
	if took > drainLimit {
		t.Errorf("took %v", took)
	}
}

// A reload of HAProxy leaves the connections to the old worker: those that are drained
// leave it at the same pace, the others stay.
func TestADrainGoesOnWhenHAProxyReloads(t *testing.T) {
	t.Parallel()
	servers := socketServers(t, 3)
	in := proxyWith(t, instance.Options{Config: socketFarm(servers, "ws"), Listeners: 1, MasterWorker: true})
	r := start(t, fmt.Sprintf("  - {name: ws, kind: connections, from: haproxy, targets: [{haproxy: {socket: %q, master_socket: %q}}]}\n", in.Socket(), in.MasterSocket()))
	crowd(t, in.Addr(0), 240)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return openForLong(p, 80, 80, 80) })
	r.drain(t, "8s")
	began := time.Now()
	part := func(left float64) func(status.Pool) bool {
		return func(p status.Pool) bool {
			d := p.Backends[0].Drain
			return d != nil && float64(d.Left) < left
		}
	}
	r.within(t, time.Minute, "a quarter drained", part(60))
	for range 2 {
		if err := in.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	r.within(t, time.Minute, "three quarters drained", part(20))
	p := r.drained(t)
	took := time.Since(began)
	wantNone(t, servers[0])
	wantBack(t, servers, 240)
	counts, _ := openSockets(servers)
	d := p.Backends[0].Drain
	t.Logf("%g connections in three workers gone after %.1f s of 8 s; %v are open", d.First, took.Seconds(), counts)
	if math.Abs(float64(d.First)-80) > aBitMore || counts[0] != 0 || took > drainLimit {
		t.Errorf("%+v with %d left after %v", d, counts[0], took)
	}
	// Until a new worker is told its weights it sends the server a third of those who were
	// asked to go, who have to be asked again.
	came := servers[0].came.Load()
	if closed := closedBy(p); closed > uint64(came)+5 || came > 120 {
		t.Errorf("%d connections were closed to drain 80 and %d that came meanwhile", closed, came-80)
	}
	if last := p.Backends[0].Shed.LastError; last != "" {
		t.Error(last)
	}
}

// A HAProxy that is restarted has dropped everybody, and all come back before trimtab
// has said again where to: who came to the one that is drained has to leave it, too.
func TestADrainGoesOnWhenHAProxyIsRestarted(t *testing.T) {
	t.Parallel()
	servers := socketServers(t, 3)
	in := proxyWith(t, instance.Options{Config: socketFarm(servers, "ws"), Listeners: 1})
	r := start(t, fmt.Sprintf("  - {name: ws, kind: connections, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	crowd(t, in.Addr(0), 150)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return openForLong(p, 50, 50, 50) })
	r.drain(t, "5s")
	began := time.Now()
	r.within(t, time.Minute, "a part drained", func(p status.Pool) bool {
		d := p.Backends[0].Drain
		return d != nil && d.Left < d.First-10
	})
	if err := in.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantBack(t, servers, 150)
	counts, _ := openSockets(servers)
	p := r.within(t, time.Minute, "drained", func(p status.Pool) bool {
		return p.Backends[0].Drain != nil && p.Backends[0].Drain.Done && servers[0].open.Load() == 0
	})
	// What was under way at the restart fails, and is told.
	t.Logf("%v were open after the restart; gone %.1f s after the order, with %d failures: %s",
		counts, time.Since(began).Seconds(), p.Backends[0].Shed.Failures, p.Backends[0].Shed.LastError)
	wantBack(t, servers, 150)
}

// A server that joins is given its part of all connections by HAProxy alone, with nearly
// as few closed as can be, and nobody is lost.
func TestAServerThatJoinsIsGivenItsPart(t *testing.T) {
	t.Parallel()
	const clients = 240
	servers := socketServers(t, 4)
	in := sockets(t, servers, 3)
	r := start(t, fmt.Sprintf(`  - name: ws
    kind: connections
    from: haproxy
    shed: {rate: 10%%/s}
    targets: [{haproxy: {socket: %q}}]
`, in.Socket()))
	crowd(t, in.Addr(0), clients)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return openForLong(p, 80, 80, 80) })
	tell(t, in, "set server ws/s4 state ready")
	began := time.Now()
	r.within(t, time.Minute, "shedding", func(p status.Pool) bool { return p.Shedding != nil && p.Shedding.State == "active" })
	p := r.within(t, 2*time.Minute, "even", func(p status.Pool) bool {
		_, sum := openSockets(servers)
		return sum == clients && p.Shedding.State == "balanced" && p.Shedding.UnderWay == 0
	})
	took := time.Since(began)
	counts, sum := openSockets(servers)
	const fair = clients / 4.0
	least := 3 * (clients/3 - 1.05*fair)
	worst := float64(slices.Max(counts)) / fair
	closed := closedBy(p)
	t.Logf("%v after %.1f s: max/mean %.3f; %d closed, %.2f times the least possible", counts, took.Seconds(), worst, closed, float64(closed)/least)
	if worst > 1.06 || float64(closed) > 1.25*least || sum != clients {
		t.Errorf("%v after %v: max/mean %.3f, %d closed of %.0f at least", counts, took, worst, closed, least)
	}
}

// Nobody is sent to those who are full already, whatever the connections' numbers say.
func TestNobodyIsSentToThoseWithoutRoom(t *testing.T) {
	t.Parallel()
	servers := socketServers(t, 3)
	for i, percent := range []int64{60, 60, 95} {
		servers[i].percent.Store(percent)
	}
	in := sockets(t, servers, 2)
	r := start(t, fmt.Sprintf(`  - name: ws
    kind: connections
    law: static
    from: haproxy
    load: [{http: {path: /busy, period: 500ms}}]
    shed: {rate: 10%%/s}
    targets: [{haproxy: {socket: %q}}]
`, in.Socket()))
	crowd(t, in.Addr(0), 120)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return openForLong(p, 60, 60) && p.Backends[2].Utilization == 0.95 })
	tell(t, in, "set server ws/s3 state ready")
	p := r.within(t, time.Minute, "held", func(p status.Pool) bool {
		return p.Shedding != nil && p.Shedding.State == "held" && strings.Contains(p.Shedding.Why, "at 95 % of what they can")
	})
	if counts, _ := openSockets(servers); closedBy(p) != 0 || counts[2] != 0 {
		t.Errorf("%d were closed; %v are open", closedBy(p), counts)
	}
	code, _, errs := call(t, "drain", "ws", "s1", "--over", "5s", "--addr", r.addr)
	if code != exitFailed || !strings.Contains(errs, "the others have no room for it") {
		t.Errorf("a drain into the full: exit code %d\n%s", code, errs)
	}
	servers[2].percent.Store(20)
	r.within(t, time.Minute, "shedding", func(p status.Pool) bool { return closedBy(p) > 0 })
	wantBack(t, servers, 120)
}

// A server that joins and may have only some connections is given those, and the others
// share the rest.
func TestNobodyIsGivenMoreThanItMayHave(t *testing.T) {
	t.Parallel()
	const clients, limit = 240, 20
	servers := socketServers(t, 4)
	in := sockets(t, servers, 3)
	tell(t, in, fmt.Sprintf("set maxconn server ws/s4 %d", limit))
	r := start(t, fmt.Sprintf("  - {name: ws, kind: connections, from: haproxy, shed: {rate: 10%%/s}, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	crowd(t, in.Addr(0), clients)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return openForLong(p, 80, 80, 80) })
	tell(t, in, "set server ws/s4 state ready")
	p := r.within(t, 2*time.Minute, "as even as may be", func(p status.Pool) bool {
		_, sum := openSockets(servers)
		return closedBy(p) > 0 && sum == clients && p.Shedding.State == "balanced" && p.Shedding.UnderWay == 0
	})
	counts, _ := openSockets(servers)
	if closed := closedBy(p); closed > limit || counts[3] < limit/3 || counts[3] > limit || !strings.Contains(p.Shedding.Why, "s4 may have no more than 20") {
		t.Errorf("%d closed, %v are open: %s", closed, counts, p.Shedding.Why)
	}
	tell(t, in, "set maxconn server ws/s2 90")
	tell(t, in, "set maxconn server ws/s3 90")
	r.within(t, time.Minute, "no room for a drain", func(status.Pool) bool {
		code, _, errs := call(t, "drain", "ws", "s1", "--over", "1h", "--addr", r.addr)
		if code == exitFine {
			call(t, "undrain", "ws", "s1", "--addr", r.addr)
		}
		return code == exitFailed && strings.Contains(errs, "they may have 200 connections, and there are 240")
	})
}

// A hook that nobody has configured lets go as many as the shortest drain of all that is
// likely needs.
func TestADrainThroughAHookThatIsNotConfigured(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "token")
	write(t, path, "right\n")
	servers := []*socketServer{newLimitedSocketServer(t, path, 0), newLimitedSocketServer(t, path, 0)}
	in := sockets(t, servers, 1)
	r := start(t, fmt.Sprintf(`  - name: ws
    kind: connections
    from: haproxy
    shed: {start_above: 1000, hook: {token_file: %q}}
    targets: [{haproxy: {socket: %q}}]
`, path, in.Socket()))
	const clients = 500
	crowd(t, in.Addr(0), clients)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return p.Tick >= 3 && p.Backends[0].InFlight == clients })
	tell(t, in, "set server ws/s2 state ready")
	r.within(t, time.Minute, "two that serve", func(p status.Pool) bool { return p.Backends[1].State == "ready" })
	r.drain(t, "10s")
	began := time.Now()
	p := r.drained(t)
	took := time.Since(began)
	polite := servers[0].polite.Load()
	t.Logf("%g connections asked and gone after %.1f s of 10 s, %d of them politely", p.Backends[0].Drain.First, took.Seconds(), polite)
	if took > drainLimit || polite != clients {
		t.Errorf("%d gone politely after %v", polite, took)
	}
	wantBack(t, servers, clients)
}
