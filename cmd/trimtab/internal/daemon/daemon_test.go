package daemon

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/state"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// journal collects what is logged.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) count(text string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.b.String(), text)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// attached is a configuration of pools behind a HAProxy that nobody runs.
func attached(t *testing.T, socket string, pools ...string) *config.Config {
	t.Helper()
	return config.Attached{Socket: socket, Backends: pools, Apply: true}.Config()
}

func newFleet(t *testing.T, o Options) *Fleet {
	t.Helper()
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	f := NewFleet(o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
		defer cancel()
		f.Close(ctx)
	})
	return f
}

func swap(t *testing.T, f *Fleet, c *config.Config) {
	t.Helper()
	change, err := f.Prepare(c)
	if err != nil {
		t.Fatal(err)
	}
	f.Swap(t.Context(), change)
}

func TestAFleetKeepsWhatDoesNotChange(t *testing.T) {
	f := newFleet(t, Options{})
	dead := filepath.Join(t.TempDir(), "s")
	swap(t, f, attached(t, dead, "a", "b"))
	before := *f.pools.Load()
	proxy := f.proxies[keyOf(before[0].config.Targets[0].HAProxy)]

	next := attached(t, dead, "a", "b", "c")
	next.Pools[1].Limits.Step = 0.7
	swap(t, f, next)
	after := *f.pools.Load()
	if after[0] != before[0] || after[1] == before[1] || len(after) != 3 {
		t.Errorf("kept %v, want a kept, b made anew, c added", after)
	}
	if f.proxies[keyOf(after[2].config.Targets[0].HAProxy)] != proxy || len(f.proxies) != 1 {
		t.Error("the proxy that all share was not kept")
	}
	if _, open := <-before[1].done; open {
		t.Error("the pool that was replaced still runs")
	}

	swap(t, f, attached(t, filepath.Join(t.TempDir(), "other"), "a"))
	if _, open := <-proxy.done; open || len(f.proxies) != 1 {
		t.Error("a proxy that nobody needs still runs")
	}
}

func TestABadConfigurationTouchesNothing(t *testing.T) {
	f := newFleet(t, Options{})
	swap(t, f, attached(t, filepath.Join(t.TempDir(), "s"), "a"))
	before := *f.pools.Load()
	bad := attached(t, "nonsense", "a", "b")
	if _, err := f.Prepare(bad); err == nil || !strings.Contains(err.Error(), "nonsense") {
		t.Errorf("error %v, want one that names the socket", err)
	}
	bad = attached(t, filepath.Join(t.TempDir(), "t"), "b")
	bad.Pools[0].Limits.Floor = 7
	if _, err := f.Prepare(bad); err == nil || !strings.Contains(err.Error(), "pool b") {
		t.Errorf("error %v, want one that names the pool", err)
	}
	if after := *f.pools.Load(); len(after) != 1 || after[0] != before[0] || len(f.proxies) != 1 {
		t.Error("a configuration that is refused has changed something")
	}
}

func TestOrdersGoToTheRightPool(t *testing.T) {
	f := newFleet(t, Options{})
	swap(t, f, attached(t, filepath.Join(t.TempDir(), "s"), "a", "b"))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if _, err := f.Command(ctx, "c", tuner.Command{Verb: tuner.Freeze}); !errors.Is(err, ErrNoPool) || !strings.Contains(err.Error(), "a, b") {
		t.Errorf("error %v", err)
	}
	warning, err := f.Command(ctx, "b", tuner.Command{Verb: tuner.Freeze, Order: scorer.Order{Who: "alice"}})
	if err != nil || !strings.Contains(warning, "state.path") {
		t.Errorf("warning %q, error %v", warning, err)
	}
	changed := attached(t, filepath.Join(t.TempDir(), "s2"), "b")
	swap(t, f, changed)
	if o := (*f.pools.Load())[0].keeper.newest().Orders; o.Frozen == nil || o.Frozen.Who != "alice" {
		t.Errorf("orders %+v, want them to outlive a change of the pool", o)
	}
}

func TestTheKeeperSaysOnceThatItCannotSave(t *testing.T) {
	dir := t.TempDir()
	store, err := state.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	var log journal
	k := newKeeper(store, log.logger(), "web")
	k.take(scorer.Orders{Frozen: &scorer.Order{Who: "alice"}})
	if err := k.sync(); err != nil {
		t.Fatal(err)
	}
	if f, err := store.Load("web"); err != nil || f.Orders.Frozen.Who != "alice" {
		t.Errorf("kept %+v, %v: want it saved before the order returns", f, err)
	}
	if err := os.Rename(filepath.Join(dir, "pools"), filepath.Join(t.TempDir(), "gone")); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		k.saveAndSay()
	}
	k.take(scorer.Orders{})
	if err := k.sync(); err == nil || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v, want one that names the file", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "pools"), 0o700); err != nil {
		t.Fatal(err)
	}
	// Only now, as nobody else saves and says beside the keeper when it runs.
	k.start(nil)
	k.remember(scorer.Memory{Backends: map[string]scorer.Remembered{"s1": {Weight: 2}}}, nil)
	k.close()
	if f, err := store.Load("web"); err != nil || f.Memory.Backends["s1"].Weight != 2 {
		t.Errorf("at the end %+v, %v", f, err)
	}
	if failed, again := log.count("state is not kept"), log.count("kept again"); failed != 1 || again != 1 {
		t.Errorf("said %d times that it fails, %d that it works again", failed, again)
	}
}

func TestMembersAreMerged(t *testing.T) {
	up := func(name string, capacity float64, c scorer.Condition) scorer.Backend {
		return scorer.Backend{Name: name, Address: "10.0.0.1:" + name, Capacity: capacity, Condition: c}
	}
	one := []scorer.Backend{up("s2", 50, scorer.Down), up("s1", 100, scorer.Up)}
	two := []scorer.Backend{up("s2", 80, scorer.Up), up("s1", 100, scorer.Draining), up("s3", 1, scorer.Down)}
	for _, test := range []struct {
		name       string
		configured []scorer.Backend
		want       []scorer.Backend
	}{
		{"all that the proxies have", nil, []scorer.Backend{up("s1", 100, scorer.Up), up("s2", 50, scorer.Up), up("s3", 1, scorer.Down)}},
		{
			"what is configured, as the proxies see it",
			[]scorer.Backend{{Name: "s1", Capacity: 8}, {Name: "s2", Capacity: 4, Address: "own"}, {Name: "s9", Capacity: 1}},
			[]scorer.Backend{{Name: "s1", Address: "10.0.0.1:s1", Capacity: 8}, {Name: "s2", Address: "own", Capacity: 4}},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log journal
			m := &members{log: log.logger(), configured: test.configured}
			for range 3 {
				if diff := cmp.Diff(test.want, m.merge([][]scorer.Backend{one, two})); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
			want := 0
			if test.configured != nil {
				want = 1
			}
			if n := log.count("no proxy has the configured backend"); n != want {
				t.Errorf("said %d times that a backend is missing", n)
			}
		})
	}
}
