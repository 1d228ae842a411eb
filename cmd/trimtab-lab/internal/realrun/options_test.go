package realrun

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
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
	const seconds = 10
	for _, test := range []struct{ atOnce, requests, messages, connections, clients, want int }{
		{requests: 100, want: 4},
		{requests: 9000, want: 2},
		{requests: 1_000_000, want: 1},
		{atOnce: 7, requests: 1_000_000, want: 7},
		{messages: 10_000, clients: 100, want: 2},
		{requests: 9000, messages: 10_000, clients: 100, want: 1},
		{connections: 4500, clients: 100, want: 2},
		{clients: 1 << 30, want: 1},
	} {
		o := Options{AtOnce: test.atOnce, Scenario: simulate.Scenario{
			Duration: seconds * time.Second, Sockets: []simulate.Sockets{{Clients: test.clients}},
		}}
		d := drawn{messages: test.messages, connections: test.connections, trace: load.Trace{Arrivals: make([]load.Arrival, test.requests)}}
		if got, err := o.together(d); err != nil || got != test.want {
			t.Errorf("%+v: %d, error %v", test, got, err)
		}
	}
}

// No proxy is short of connections that the scenario's clients may have there.
func TestProxiesHaveRoomForAll(t *testing.T) {
	s := simulate.Scenario{Proxies: 1, Sockets: []simulate.Sockets{{Clients: 3000}, {Clients: 1000}}}
	if got := perProxy(&s); got < 4000 || got > 4400 {
		t.Errorf("one proxy for 4000 connections is given %d", got)
	}
	s.Proxies = 4
	if got := perProxy(&s); got < 1100 || got > 1500 {
		t.Errorf("one proxy of four for 4000 connections is given %d", got)
	}
	s.Requests = make([]simulate.Requests, 1)
	if got := perProxy(&s); got < 1100+maxOpen || connections(&s) < 4000+maxOpen {
		t.Errorf("with requests it is given %d, and this process %d", got, connections(&s))
	}
}
