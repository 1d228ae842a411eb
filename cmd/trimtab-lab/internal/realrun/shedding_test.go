package realrun

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/scorer"
)

func TestTrimtabIsToldHowToShed(t *testing.T) {
	shed := &scorer.ShedConfig{StartAbove: 1.05, StopBelow: 1.04, Rate: 0.01}
	for _, test := range []struct {
		scenario simulate.Scenario
		xds      string
		want     string
	}{
		{simulate.Scenario{}, "", ""},
		{simulate.Scenario{Shed: shed}, "", "start_above: 1.05, stop_below: 1.04, rate: 1%/s"},
		{simulate.Scenario{Shed: shed}, "127.0.0.1:1", ""},
		{
			simulate.Scenario{Shed: &scorer.ShedConfig{StartAbove: 2, StopBelow: 1, Rate: 0.07}, ShedOrder: simulate.ShedYoungest, Trimtabs: 2},
			"",
			"start_above: 2, stop_below: 1, rate: 7%/s, order: youngest, sharers: 2",
		},
	} {
		c := config{scenario: &test.scenario, xds: test.xds}
		if got := c.shed(); got != test.want {
			t.Errorf("%+v: %q, want %q", test.scenario, got, test.want)
		}
		if said := strings.Contains(c.text(nil), "\n  shed: {"+test.want+"}\n"); said != (test.want != "") {
			t.Errorf("%q is in the configuration: %v", test.want, said)
		}
	}
}

// program writes one that notes its arguments and does as the script says.
func program(t *testing.T, script string) (path, notes string) {
	t.Helper()
	dir := t.TempDir()
	path, notes = filepath.Join(dir, "trimtab"), filepath.Join(dir, "notes")
	text := "#!/bin/sh\necho \"$@\" >> " + notes + "\n" + script + "\n"
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path, notes
}

func TestWhatTrimtabCannotDoIsNotApplicable(t *testing.T) {
	shed := simulate.Scenario{Name: "s", Shed: &scorer.ShedConfig{StartAbove: 1.05, StopBelow: 1.04, Rate: 0.01}}
	several, delayed, drained := shed, shed, simulate.Scenario{Name: "s", Duration: time.Minute}
	several.Trimtabs = 2
	delayed.Trimtabs, delayed.ViewDelay = 2, 2*time.Second
	drained.Backends = []simulate.Backend{{Name: "a", Condition: simulate.Timeline(simulate.Change{
		At: time.Second, Until: 2 * time.Second, Do: func(c *simulate.Condition) { c.Draining, c.DrainedFrom = time.Second, time.Second },
	})}}
	for _, test := range []struct {
		name     string
		kind     simulate.ProxyKind
		scenario simulate.Scenario
		says     string
	}{
		{"it sheds", simulate.KindHAProxy, shed, ""},
		{"several", simulate.KindHAProxy, several, ""},
		{"it drains", simulate.KindHAProxy, drained, ""},
		{"Envoy sheds nothing", simulate.KindEnvoy, shed, ""},
		{"several before one Envoy", simulate.KindEnvoy, several, "one trimtab, not from 2"},
		{"old views", simulate.KindHAProxy, delayed, "not as they were 2s ago"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := Options{Scenario: test.scenario, Trimtab: "trimtab"}
			err := o.able(&entry{giver: byTrimtab, proxy: simulate.Proxy{Kind: test.kind}})
			switch {
			case test.says == "" && err != nil:
				t.Error(err)
			case test.says != "" && (!errors.Is(err, simulate.ErrNotApplicable) || !strings.Contains(err.Error(), test.says)):
				t.Errorf("%v, want %q", err, test.says)
			}
		})
	}
}

func TestDrainsAsAPersonWould(t *testing.T) {
	path, notes := program(t, "")
	s := &simulate.Scenario{Backends: []simulate.Backend{{Name: "a"}, {Name: "b"}}}
	healthy, draining, killed := simulate.Healthy(), simulate.Healthy(), simulate.Healthy()
	draining.Draining, draining.DrainedFrom, killed.Killed = 30*time.Second, time.Minute, true
	of := &trimtab{program: path, config: config{scenario: s, admin: "127.0.0.1:1"}, drained: map[string]bool{}}
	for _, now := range []simulate.Condition{healthy, draining, draining, killed, healthy, healthy} {
		if err := of.order(t.Context(), []simulate.Condition{healthy, now}); err != nil {
			t.Fatal(err)
		}
	}
	said, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	const flags = " --addr 127.0.0.1:1 --who trimtab-lab\n"
	if diff := cmp.Diff("drain pool b --over 30s"+flags+"undrain pool b"+flags, string(said)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	of.program, _ = program(t, "echo 'the last one' >&2; exit 1")
	if err := of.order(t.Context(), []simulate.Condition{draining, healthy}); err == nil || !strings.Contains(err.Error(), "trimtab drain pool a") || !strings.Contains(err.Error(), "the last one") {
		t.Errorf("a refusal is %v", err)
	}
}

// What ends around a restart was broken off, what ends at other times trimtab closed.
func TestTellsWhoEndedAConnection(t *testing.T) {
	s := simulate.Scenario{Duration: time.Minute, Shed: &scorer.ShedConfig{}, Backends: []simulate.Backend{
		{Name: "a", Condition: simulate.Timeline(simulate.Change{At: 10 * time.Second, Until: 15 * time.Second, Do: func(c *simulate.Condition) { c.Killed = true }})},
		{Name: "b"},
	}}
	at := func(backend int, seconds float64) load.Loss {
		return load.Loss{At: time.Duration(seconds * float64(time.Second)), Backend: backend}
	}
	losses := []load.Loss{at(0, 5), at(0, 9.9), at(0, 10.1), at(0, 16), at(0, 18), at(1, 10.1), at(-1, 5)}
	for _, test := range []struct {
		giver        giver
		broken, shed int
	}{{byTrimtab, 4, 3}, {byController, 7, 0}} {
		e := &entrant{entry: entry{giver: test.giver}, opts: &Options{Scenario: s}}
		if broken, shed := e.ended(losses); broken != test.broken || shed != test.shed {
			t.Errorf("giver %d: %d broken off, %d closed, want %d and %d", test.giver, broken, shed, test.broken, test.shed)
		}
	}
}
