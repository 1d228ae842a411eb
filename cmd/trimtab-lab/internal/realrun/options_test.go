package realrun

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

func TestRefusesWhatCannotBeRun(t *testing.T) {
	fine := Options{
		Scenario: simulate.Scenario{Name: "s"}, Proxy: simulate.Proxy{Kind: simulate.KindHAProxy},
		Seeds: []uint64{1}, Policies: []simulate.Policy{simulate.Equal()},
	}
	for name, test := range map[string]struct {
		change func(*Options)
		says   string
	}{
		"websockets":  {func(o *Options) { o.Scenario.Sockets = make([]simulate.Sockets, 1) }, "websockets"},
		"pools":       {func(o *Options) { o.Scenario.Pools = make([]simulate.Pool, 1) }, "pools are not runnable"},
		"no proxy":    {func(o *Options) { o.Proxy.Kind = simulate.AnyProxy }, "no real proxy"},
		"no seeds":    {func(o *Options) { o.Seeds = nil }, "no seeds"},
		"no policies": {func(o *Options) { o.Policies = nil }, "no policies"},
		"at once":     {func(o *Options) { o.AtOnce = -1 }, "at once"},
		"no backends": {func(*Options) {}, "no backends"},
	} {
		t.Run(name, func(t *testing.T) {
			o := fine
			test.change(&o)
			if _, err := Run(t.Context(), o); err == nil || !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v does not say %q", err, test.says)
			}
		})
	}
}

func TestPoliciesTogetherDoNotAskTooMuch(t *testing.T) {
	for _, test := range []struct{ atOnce, requests, want int }{{0, 100, 4}, {0, 9000, 2}, {0, 1_000_000, 1}, {7, 1_000_000, 7}} {
		o := Options{AtOnce: test.atOnce, Scenario: simulate.Scenario{Duration: 10 * time.Second}}
		if got := o.together(test.requests); got != test.want {
			t.Errorf("%d at once asked, %d requests in 10 s: %d, want %d", test.atOnce, test.requests, got, test.want)
		}
	}
}
