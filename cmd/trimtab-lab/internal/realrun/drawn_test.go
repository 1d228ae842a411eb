package realrun

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

func TestDrawsAllTraffic(t *testing.T) {
	f, err := scenario.Parse("test.yaml", []byte(`
name: both
warmup: 1s
duration: 9s
backends: [{name: a, cores: 4}]
traffic:
  - {kind: requests, rate: 50/s, demand: {const: 30ms}}
  - {kind: websockets, clients: 100, lifetime: {exp: 5s}, message: {every: 1s, demand: {const: 10ms}}, reconnect: {delay: {const: 1s}}}
`))
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Scenario: compile.Scenario(f)}
	d, err := o.draw(3)
	if err != nil {
		t.Fatal(err)
	}
	// A message a second of each client that is connected, which is five of six.
	if n := len(d.trace.Arrivals); n < 400 || n > 600 || d.messages < 700 || d.messages > 950 || d.connections < 150 || d.connections > 350 {
		t.Errorf("%d requests, %d messages, %d connections", n, d.messages, d.connections)
	}
	if d.typical < 10*time.Millisecond || d.typical > 20*time.Millisecond {
		t.Errorf("typical demand %v of 10 and 30 ms", d.typical)
	}
	again, err := o.draw(3)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d, again, cmp.AllowUnexported(drawn{})); diff != "" {
		t.Errorf("another time:\n%s", diff)
	}
}

func TestCallersAreTheSimulationsClients(t *testing.T) {
	f, err := scenario.Parse("test.yaml", []byte(`
name: one
duration: 20s
backends: [{name: a, cores: 4}]
traffic: [{kind: websockets, clients: 1, lifetime: {rounds: {each: 2s, drop: 1}}, message: {every: 1s, demand: {const: 10ms}}, reconnect: {delay: {const: 3s}}}]
`))
	if err != nil {
		t.Fatal(err)
	}
	s := compile.Scenario(f)
	all, err := simulate.Clients(&s, 1)
	if err != nil {
		t.Fatal(err)
	}
	c := caller{all[0]}
	var kinds []string
	for len(kinds) < 5 {
		a := c.Act()
		kinds = append(kinds, []string{"connect", "send", "leave"}[a.Kind])
		switch a.Kind {
		case load.Connect:
			c.Connection(true, a.At)
		case load.Send:
			if a.Demand != 10*time.Millisecond {
				t.Errorf("%+v", a)
			}
		}
	}
	if got := strings.Join(kinds, " "); got != "connect send send leave connect" {
		t.Errorf("it acts like this: %s", got)
	}
	c.Connection(false, 10*time.Second)
	if at, ok := c.Next(); !ok || at != 13*time.Second {
		t.Errorf("it comes back at %v, %v, want 3 s after 10 s", at, ok)
	}
}
