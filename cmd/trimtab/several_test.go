package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// One pool behind two HAProxies: one plan, and each follows on its own.
func TestOnePoolBehindTwoProxies(t *testing.T) {
	t.Parallel()
	one, two := proxy(t, twoPools), proxy(t, twoPools)
	r := start(t, fmt.Sprintf("  - {name: web, from: haproxy, targets: [{haproxy: {socket: %q}}, {haproxy: {socket: %q}}]}\n", one.Socket(), two.Socket()))
	inSync := func(want ...bool) func(status.Document) bool {
		return func(d status.Document) bool {
			for i, w := range want {
				if len(d.Pools) != 1 || d.Pools[0].Tick < 2 || d.Pools[0].Targets[i].InSync != w {
					return false
				}
			}
			return true
		}
	}
	r.until(t, "both in sync", inSync(true, true))
	pin := func(weight string) {
		t.Helper()
		if code, _, errs := call(t, "pin", "web", "s2", weight, "--addr", r.addr); code != exitFine {
			t.Fatal(errs)
		}
	}
	pin("1")
	r.until(t, "1 to 1 on both", func(d status.Document) bool {
		return inSync(true, true)(d) && equal(weights(t, one)) && equal(weights(t, two))
	})
	if err := syscall.Kill(two.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	stopped := true
	resume := func() {
		if stopped {
			stopped = false
			_ = syscall.Kill(two.PID(), syscall.SIGCONT)
		}
	}
	defer resume()
	pin("0.2")
	d := r.until(t, "the one that runs in sync, and the other not", func(d status.Document) bool {
		return inSync(true, false)(d) && strings.HasPrefix(d.Pools[0].Backends[1].Why, "pinned to 0.2") && !equal(weights(t, one))
	})
	if text := d.Pools[0].Targets[1].LastError; !strings.Contains(text, two.Socket()) {
		t.Errorf("the error %q does not name the socket", text)
	}
	resume()
	r.until(t, "both in sync again", func(d status.Document) bool {
		return inSync(true, true)(d) && weights(t, one) == weights(t, two)
	})
}

func equal(weights string) bool {
	a, b, _ := strings.Cut(weights, " ")
	return a == b && a != ""
}
