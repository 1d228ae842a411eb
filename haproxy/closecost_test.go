package haproxy

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestMeasuredListing measures what it costs to list and to close among 1,000
// tunnels, half of which are another server's; with TRIMTAB_WHOLE among 9,000,
// which is what one process may hold both ends of.
func TestMeasuredListing(t *testing.T) {
	count := 1000
	if os.Getenv("TRIMTAB_WHOLE") != "" {
		count = 9000
	}
	onEachMeasured(t, func(t *testing.T, binary string) {
		options := tunnelOptions(binary, tunnelServer(t), "s1", "s2")
		options.Config = strings.Replace(options.Config, "maxconn 2400", "maxconn 9900", 1)
		in := start(t, options)
		p := newProxy(t, Config{Socket: in.Socket()})
		openTunnels(t, in.Addr(0), count/2)
		openTunnels(t, in.Addr(1), count/2)
		aged(t, in, "ws", "s1", count/2)
		aged(t, in, "ws", "s2", count/2)
		done, err := p.closers.use(t.Context(), place{"ws", "s1"})
		if err != nil {
			t.Fatal(err)
		}
		defer done()
		const rounds = 20
		var took []time.Duration
		var l listing
		cpu := cpuOf(t, in)
		for range rounds {
			if l, err = p.closers.list(t.Context(), place{"ws", "s1"}); err != nil {
				t.Fatal(err)
			}
			took = append(took, l.took)
		}
		slices.Sort(took)
		t.Logf("%d tunnels, half of them of the server: %d listed, median %v, longest %v; HAProxy works %v for it",
			count, l.listed, took[rounds/2], took[rounds-1], (cpuOf(t, in)-cpu)/rounds)
		if len(l.targets) != count/2 {
			t.Errorf("%d listed of the server", len(l.targets))
		}
		// Generous: what is asserted is that it stays far from the deadline.
		if took[rounds/2] > firstReplyTimeout/2 && !underRace {
			t.Errorf("a list takes %v", took[rounds/2])
		}

		const some = 200
		cpu = cpuOf(t, in)
		began := time.Now()
		for i := range some {
			if outcomes, err := p.closers.close(t.Context(), &l, place{"ws", "s1"}, l.targets[i:i+1]); err != nil || outcomes[0] != outcomeClosed {
				t.Fatal(outcomes, err)
			}
		}
		t.Logf("checked and closed in %v each; HAProxy works %v for it, the ending included", time.Since(began)/some, (cpuOf(t, in)-cpu)/some)
		cpu, began = cpuOf(t, in), time.Now()
		if _, err := p.closers.close(t.Context(), &l, place{"ws", "s1"}, l.targets[some:some+mostAtOnce]); err != nil {
			t.Fatal(err)
		}
		t.Logf("%d at once in %v; HAProxy works %v for each", mostAtOnce, time.Since(began), (cpuOf(t, in)-cpu)/mostAtOnce)
	})
}
