package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// kept is a pool of the two-pool proxy whose state outlives trimtab.
func kept(t *testing.T, in *instance.Instance, r *running, dir string) {
	t.Helper()
	write(t, r.config, fmt.Sprintf("admin: {listen: %q}\nstate: {path: %q}\npools:\n  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n",
		r.addr, dir, in.Socket()))
}

func newKept(t *testing.T, in *instance.Instance) *running {
	t.Helper()
	r := &running{addr: freePort(t), config: filepath.Join(t.TempDir(), "trimtab.yaml"), log: &lockedBuffer{}}
	kept(t, in, r, filepath.Join(t.TempDir(), "state"))
	return r
}

func steering(d status.Document) bool {
	return len(d.Pools) == 1 && d.Pools[0].Tick >= 2 && len(d.Pools[0].Backends) == 2 && d.Pools[0].Targets[0].InSync
}

func TestOrdersOutliveTrimtab(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	r := newKept(t, in)
	r.again(t)
	r.until(t, "steering", steering)
	ordered := func(says string, args ...string) {
		t.Helper()
		code, out, errs := call(t, append(args, "--addr", r.addr, "--who", "alice", "--why", "canary")...)
		if code != exitFine || !strings.Contains(out, says) || errs != "" {
			t.Fatalf("%v: exit code %d\n%s%s", args, code, out, errs)
		}
	}
	refused := func(says string, args ...string) {
		t.Helper()
		code, out, errs := call(t, append(args, "--addr", r.addr)...)
		if code != exitFailed || !strings.Contains(errs, says) {
			t.Errorf("%v: exit code %d, says\n%s%s\nwant %q", args, code, out, errs, says)
		}
	}
	refused(`no such pool: "wbe"; there are web`, "freeze", "wbe")
	refused("the pool has s1, s2", "pin", "web", "s3", "1")
	refused("must be above 0", "pin", "web", "s1", "0")
	refused("it is not pinned", "unpin", "web", "s1")
	refused("it is not frozen", "unfreeze", "web")

	ordered("pin s2 to 0.5", "pin", "web", "s2", "0.5")
	half := func(d status.Document) bool {
		return steering(d) && d.Pools[0].Backends[1].Weight == 0.5 && math.Abs(float64(d.Pools[0].Backends[1].WeightNow)-0.5) < 0.02
	}
	d := r.until(t, "holding the pin", half)
	if why := d.Pools[0].Backends[1].Why; why != "pinned to 0.5 by alice: canary" {
		t.Errorf("why %q", why)
	}
	ordered("drain s1", "drain", "web", "s1")
	// A plan is shown before HAProxy is told.
	r.until(t, "draining s1", func(d status.Document) bool {
		return d.Pools[0].Backends[0].State == "draining" && strings.HasPrefix(weights(t, in), "0 ")
	})
	refused("no other backend takes work", "drain", "web", "s2")

	for name, end := range map[string]func(){
		"a clean end": func() { r.stop() },
		"kill -9":     func() { _ = r.process.Kill(); r.stop() },
	} {
		end()
		r.again(t)
		d := r.until(t, "obeying after "+name, func(d status.Document) bool {
			return steering(d) && d.Pools[0].Backends[1].Weight == 0.5 && d.Pools[0].Backends[0].State == "draining"
		})
		if o := d.Pools[0].Orders; o.Drains["s1"].Who != "alice" || o.Pins["s2"].Why != "canary" || o.Pins["s2"].At.IsZero() {
			t.Errorf("after %s: orders %+v", name, o)
		}
	}

	ordered("undrain s1", "undrain", "web", "s1")
	r.until(t, "sending s1 work again", func(d status.Document) bool { return d.Pools[0].Backends[0].State == "ready" })
	ordered("unpin s2", "unpin", "web", "s2")
	ordered("freeze", "freeze", "web")
	d = r.until(t, "frozen", func(d status.Document) bool { return d.Pools[0].Mode == "frozen" })
	if _, out, _ := call(t, "status", "--addr", r.addr); !strings.Contains(out, "frozen by alice: canary, since 20") {
		t.Errorf("status says\n%s", out)
	}
	ordered("unfreeze", "unfreeze", "web")
	ordered("dry-run on", "dry-run", "web", "on")
	r.until(t, "dry", func(d status.Document) bool { return d.Pools[0].Mode == "dry-run" })
	ordered("dry-run off", "dry-run", "web", "off")
	r.until(t, "active", func(d status.Document) bool { return d.Pools[0].Mode == "active" })

	_, out, _ := call(t, "events", "--addr", r.addr, "--pool", "web")
	for _, says := range []string{
		"order web s1: undrain s1 by alice: canary", "order web: freeze by alice: canary",
		"state web s1: draining → ready: slow start",
	} {
		if !strings.Contains(out, says) {
			t.Errorf("events do not have %q:\n%s", says, out)
		}
	}
	if _, out, _ := call(t, "events", "--addr", r.addr, "--pool", "other"); out != "" {
		t.Errorf("events of another pool:\n%s", out)
	}
}

func TestOrdersWithoutStateWarn(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	r.until(t, "steering", steering)
	code, out, errs := call(t, "pin", "web", "s1", "2", "--addr", r.addr)
	if code != exitFine || !strings.Contains(out, "pin s1 to 2") || !strings.Contains(errs, "state.path is not configured") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	// A reload that changes the pool keeps what was ordered.
	write(t, r.config, r.text(fmt.Sprintf("  - {name: web, from: haproxy, limits: {step: 0.7}, targets: [{haproxy: {socket: %q}}]}\n", in.Socket())))
	if code, body := post(t, "http://"+r.addr+"/-/reload"); code >= 400 {
		t.Fatalf("%d %s", code, body)
	}
	r.until(t, "obeying after the reload", func(d status.Document) bool {
		return steering(d) && strings.HasPrefix(d.Pools[0].Backends[0].Why, "pinned to 2")
	})
}

func TestEventsAreFollowed(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	r.until(t, "steering", steering)
	ctx, cancel := context.WithCancel(t.Context())
	out := &lockedBuffer{}
	done := make(chan int, 1)
	go func() {
		done <- run(ctx, []string{"events", "-f", "-o", "json", "--addr", r.addr}, out, &bytes.Buffer{})
	}()
	seen := func(says string) {
		t.Helper()
		ticker := time.NewTicker(20 * time.Millisecond)
		defer ticker.Stop()
		for began := time.Now(); !strings.Contains(out.String(), says); <-ticker.C {
			if time.Since(began) > time.Minute {
				t.Fatalf("never %q in\n%s", says, out)
			}
		}
	}
	for i := range 2 {
		if code, _, errs := call(t, "pin", "web", "s1", fmt.Sprint(i+1), "--addr", r.addr, "--who", "bob\x1b[31m"); code != exitFine {
			t.Fatal(errs)
		}
		seen(fmt.Sprintf(`"kind":"order","pool":"web","backend":"s1","target":"","who":"bob [31m","text":"pin s1 to %d by bob`, i+1))
	}
	// A hand on the socket is noticed, too, once nothing of trimtab's own is under
	// way.
	tick := r.until(t, "where it was pinned to", func(d status.Document) bool {
		return steering(d) && d.Pools[0].Backends[0].Weight == 2 && math.Abs(float64(d.Pools[0].Backends[0].WeightNow)-2) < 0.1
	}).Pools[0].Tick
	r.until(t, "at rest", func(d status.Document) bool { return steering(d) && d.Pools[0].Tick > tick+1 })
	if reply := ask(t, in, "set server web/s2 weight 7"); strings.TrimSpace(reply) != "" {
		t.Fatal(reply)
	}
	seen("set to 7 by someone else and left alone")
	cancel()
	if code := <-done; code != exitFine {
		t.Errorf("following ends with exit code %d", code)
	}

	out = &lockedBuffer{}
	errs := &lockedBuffer{}
	go func() { done <- run(t.Context(), []string{"events", "-f", "--addr", r.addr}, out, errs) }()
	seen("pin s1 to 2 by bob")
	r.stop()
	if code := <-done; code != exitFailed || !strings.Contains(errs.String(), "ended the stream: it was stopped or restarted") {
		t.Errorf("following a trimtab that ends: exit code %d, %s", code, errs)
	}
}

func TestBadOrdersOverHTTP(t *testing.T) {
	in := proxy(t, twoPools)
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}]}\n", in.Socket()))
	r.until(t, "steering", steering)
	for _, test := range []struct {
		path, body string
		code       int
		says       string
	}{
		{"web/pin", `{"backend":"s1","weight":1e999}`, 400, "not such JSON"},
		{"web/pin", `{"backend":"s1","wieght":1}`, 400, "wieght"},
		{"web/pin", `{"weight":1}`, 400, "needs a backend"},
		{"web/dry-run", ``, 400, "needs on"},
		{"web/drain", `{}`, 400, "needs a backend"},
		{"web/drain", `{"backends":["s1",""]}`, 400, "have names"},
		{"web/drain", `{"backend":"s1","over":"5"}`, 400, "a duration such as 5m"},
		{"web/drain", `{"backend":"s1","over":"999h"}`, 400, "at most 168h"},
		{"web/drain", `{"backends":["s1","s3"]}`, 404, "no such backend"},
		{"web/drain", `{"backends":["s1","s2"]}`, 409, "no other backend takes work"},
		{"web/undrain", `{"backend":"s1","over":"5m"}`, 400, "it is for drain"},
		{"web/pin", `{"backends":["s1"],"weight":1}`, 400, "for drain and undrain"},
		{"nope/rebalance", `{}`, 404, "no such pool"},
		{"web/explode", `{}`, 404, "no such path"},
		{"nope/freeze", `{}`, 404, "no such pool"},
		{"web/unfreeze", ``, 409, "not frozen"},
		{"web/freeze", strings.Repeat(" ", 20<<10) + "{}", 400, "too large"},
	} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+"/api/v1/pools/"+test.path, strings.NewReader(test.body))
		if err != nil {
			t.Fatal(err)
		}
		if code, body := do(t, request); code != test.code || !strings.Contains(body, test.says) {
			t.Errorf("%s %s: %d %s, want %d and %q", test.path, test.body[:min(len(test.body), 40)], code, body, test.code, test.says)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+"/api/v1/pools/web/freeze", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Origin", "https://evil.example")
	if code, body := do(t, request); code != http.StatusForbidden {
		t.Errorf("from another site: %d %s", code, body)
	}
	if d := r.until(t, "asked", steering); d.Pools[0].Mode != "active" {
		t.Errorf("mode %s: a refused order was obeyed", d.Pools[0].Mode)
	}
}

func TestDamagedStateIsSetAside(t *testing.T) {
	in := proxy(t, twoPools)
	r := newKept(t, in)
	dir := filepath.Join(t.TempDir(), "damaged")
	kept(t, in, r, dir)
	if err := os.MkdirAll(filepath.Join(dir, "pools"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "pools", "web.json"), `{"version":1,"pool":"web","orders":{`)
	r.again(t)
	r.until(t, "steering all the same", steering)
	if log := r.log.String(); !strings.Contains(log, "set aside as") {
		t.Errorf("log:\n%s", log)
	}
	// The directory has one owner.
	code, _, errs := call(t, "run", "--config", r.config)
	if code != exitFailed || !strings.Contains(errs, "another trimtab") {
		t.Errorf("a second trimtab: exit code %d, says %s", code, errs)
	}
	if err := r.process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if _, err := os.Stat(filepath.Join(dir, "pools", "web.json")); err != nil {
		t.Errorf("nothing kept at the end: %v", err)
	}
}
