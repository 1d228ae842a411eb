package main

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// holdsEach says whether each of a pool's backends holds so many connections at least.
func holdsEach(p status.Pool, least ...float64) bool {
	if len(p.Backends) < len(least) || p.Tick < 3 || !p.Targets[0].InSync {
		return false
	}
	for i, n := range least {
		if !(float64(p.Backends[i].InFlight) >= n) {
			return false
		}
	}
	return true
}

// A drain over some time that a restart of trimtab interrupts goes on where it was,
// and a rolling deploy cannot take the last backend.
func TestDrainOverSurvivesARestart(t *testing.T) {
	t.Parallel()
	servers := socketServers(t, 3)
	in := sockets(t, servers, 3)
	r := newKept(t, in)
	write(t, r.config, fmt.Sprintf("admin: {listen: %q}\nstate: {path: %q}\npools:\n  - {name: ws, kind: connections, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n",
		r.addr, filepath.Join(t.TempDir(), "state"), in.Socket()))
	crowd(t, in.Addr(0), 300)
	r.again(t)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return holdsEach(p, 90, 90, 90) })

	code, out, errs := call(t, "drain", "ws", "s1", "--over", "8s", "--addr", r.addr, "--who", "alice")
	if code != exitFine || !strings.Contains(out, "drain s1 over 8s") || errs != "" {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	began := time.Now()
	before := r.within(t, time.Minute, "a part drained", func(p status.Pool) bool {
		d := p.Backends[0].Drain
		return d != nil && d.Left < d.First-20
	}).Backends[0].Drain
	r.stop()
	r.again(t)
	d := r.drained(t).Backends[0].Drain
	if !d.Began.Equal(before.Began) || d.First != before.First || d.Until == nil || !d.Until.Equal(*before.Until) {
		t.Errorf("the drain is %+v after the restart, was %+v", d, before)
	}
	t.Logf("%g connections gone after %.1f s, a restart in between", d.First, time.Since(began).Seconds())
	wantNone(t, servers[0])
	if n := servers[0].polite.Load(); n != 0 {
		t.Errorf("%d were asked by a hook that is not configured", n)
	}
	if _, out, _ := call(t, "events", "--addr", r.addr); !strings.Contains(out, "drained: all") {
		t.Errorf("events\n%s", out)
	}
	if metrics := get(t, "http://"+r.addr+"/metrics"); !strings.Contains(metrics, `trimtab_drain_left{backend="s1",pool="ws"} 0`) ||
		!strings.Contains(metrics, `trimtab_shed_connections_total{backend="s1",pool="ws"}`) {
		t.Errorf("metrics lack the drain")
	}
	code, out, errs = call(t, "drain", "ws", "s2", "s3", "--addr", r.addr)
	if code != exitFailed || !strings.Contains(errs, "no other backend takes work") {
		t.Errorf("draining all that are left: exit code %d\n%s%s", code, out, errs)
	}
	if code, out, errs := call(t, "undrain", "ws", "s1", "--addr", r.addr); code != exitFine {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	r.within(t, time.Minute, "ready again", func(p status.Pool) bool { return p.Backends[0].State == "ready" && p.Backends[0].Drain == nil })
}

// Nothing moves by itself, and all that should when it is ordered.
func TestRebalanceMovesWhatTheDryRunSays(t *testing.T) {
	t.Parallel()
	servers := socketServers(t, 4)
	in := sockets(t, servers, 3)
	r := start(t, fmt.Sprintf(`  - name: ws
    kind: connections
    from: haproxy
    shed: {start_above: 1000, rate: 10%%/s}
    targets: [{haproxy: {socket: %q}}]
`, in.Socket()))
	crowd(t, in.Addr(0), 240)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return holdsEach(p, 75, 75, 75) })
	wantBack(t, servers, 240) // those who come later would be sent to the one that joins
	tell(t, in, "set server ws/s4 state ready")

	var estimate status.Estimate
	r.within(t, time.Minute, "an estimate", func(status.Pool) bool {
		code, out, errs := call(t, "rebalance", "ws", "--dry-run", "-o", "json", "--addr", r.addr)
		if code != exitFine {
			t.Fatalf("exit code %d\n%s%s", code, out, errs)
		}
		if err := json.Unmarshal([]byte(out), &estimate); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		return estimate.Connections > 45 && estimate.Held == ""
	})
	if len(estimate.From) != 3 || len(estimate.To) != 1 || estimate.To[0].Backend != "s4" || estimate.TakesSeconds <= 0 {
		t.Errorf("estimate %+v, want from three to s4", estimate)
	}
	if _, out, _ := call(t, "rebalance", "ws", "--dry-run", "--addr", r.addr); !strings.Contains(out, "would be asked to reconnect") || !strings.Contains(out, "s4") {
		t.Errorf("dry run says\n%s", out)
	}
	if n := servers[3].open.Load(); n > 10 {
		t.Errorf("%d have moved although nobody has ordered it", n)
	}
	began := time.Now()
	if code, out, errs := call(t, "rebalance", "ws", "--addr", r.addr); code != exitFine || !strings.Contains(out, "rebalance") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	p := r.within(t, 2*time.Minute, "rebalanced", func(p status.Pool) bool { return p.Orders.Rebalance == nil && holdsEach(p, 40, 40, 40, 40) })
	closed := closedBy(p)
	t.Logf("%d closed, %d estimated, after %.1f s", closed, estimate.Connections, time.Since(began).Seconds())
	if float64(closed) > 1.3*float64(estimate.Connections)+5 {
		t.Errorf("%d connections were closed, %d were estimated", closed, estimate.Connections)
	}
	if _, out, _ := call(t, "events", "--addr", r.addr); !strings.Contains(out, "rebalanced") || !strings.Contains(out, "connections are asked to reconnect") {
		t.Errorf("events\n%s", out)
	}
	if _, out, _ := call(t, "explain", "ws", "s1", "--addr", r.addr); !strings.Contains(out, "1 × connections") || !strings.Contains(out, "its part of all is") {
		t.Errorf("explain says\n%s", out)
	}
}

// A server that joins is given its share, by the backends themselves where they can:
// a wrong token is said, and makes nobody cut connections instead.
func TestABackendsOwnHookIsPreferred(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	theirs, ours := filepath.Join(dir, "theirs"), filepath.Join(dir, "ours")
	write(t, theirs, "right\n")
	write(t, ours, "wrong\n")
	var servers []*socketServer
	for range 3 {
		servers = append(servers, newSocketServer(t, theirs))
	}
	in := sockets(t, servers, 2)
	r := start(t, fmt.Sprintf(`  - name: ws
    kind: connections
    from: haproxy
    shed: {rate: 10%%/s, horizon: 0s, hook: {token_file: %q}}
    targets: [{haproxy: {socket: %q}}]
`, ours, in.Socket()))
	crowd(t, in.Addr(0), 150)
	r.within(t, time.Minute, "holding all sockets", func(p status.Pool) bool { return holdsEach(p, 70, 70) })
	wantBack(t, servers, 150) // those who come later would be sent to the one that joins
	tell(t, in, "set server ws/s3 state ready")
	wrong := func(b status.Backend) bool { return b.Shed != nil && strings.Contains(b.Shed.LastError, "403") }
	p := r.within(t, time.Minute, "said that the token is wrong", func(p status.Pool) bool { return wrong(p.Backends[0]) || wrong(p.Backends[1]) })
	for _, b := range p.Backends {
		if b.Shed != nil && b.Shed.Closed > 0 {
			t.Errorf("%s: %d were closed with a wrong token", b.Name, b.Shed.Closed)
		}
	}
	if n := servers[0].open.Load() + servers[1].open.Load(); n < 140 {
		t.Errorf("%d of 150 connections are left where they were", n)
	}
	write(t, ours, "right\n")
	p = r.within(t, 2*time.Minute, "even", func(p status.Pool) bool {
		return holdsEach(p, 40, 40, 40) && p.Shedding != nil && p.Shedding.State == "balanced"
	})
	closed := closedBy(p)
	polite := servers[0].polite.Load() + servers[1].polite.Load() + servers[2].polite.Load()
	t.Logf("%d closed, %d of them politely", closed, polite)
	// Where an answer is late it is not known how many.
	if closed == 0 || math.Abs(float64(polite)-float64(closed)) > 10 {
		t.Errorf("%d connections were closed, %d by the backends", closed, polite)
	}
}
