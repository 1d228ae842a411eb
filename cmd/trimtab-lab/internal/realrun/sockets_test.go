package realrun

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Clients of long-lived connections, and all that can happen to these.
const connected = `
name: connected
warmup: 2s
duration: 12s
proxies: 2
proxy: {kind: KIND}
backends:
  - {name: a, count: 2, cores: 4}
  - {name: b, cores: 4}
  - {name: c, cores: 4, joins_at: 5s}
reports: {period: 1s, delay: 200ms}
traffic:
  - kind: websockets
    clients: 150
    connect_over: 1s
    lifetime: {exp: 3s}
    message: {every: 500ms, demand: {exp: 10ms}}
    dear: {clients: 1, demand: 300ms, every: 1s}
    reconnect: {delay: {uniform: [100ms, 500ms]}}
events: [EVENTS]
policies: [POLICIES]
`

func sockets(t *testing.T, kind, events, policies string) (Options, Outcome) {
	t.Helper()
	o := parsed(t, strings.NewReplacer("KIND", kind, "EVENTS", events, "POLICIES", policies).Replace(connected))
	return o, ran(t, o)
}

// Messages and connections are those of the simulation, through either proxy.
func TestPlaysTheSimulationsClients(t *testing.T) {
	for _, kind := range []string{"haproxy", "envoy"} {
		t.Run(kind, func(t *testing.T) {
			o, out := sockets(t, kind, "", "equal, omniscient")
			d, err := o.draw(o.Seeds[0])
			if err != nil {
				t.Fatal(err)
			}
			simulated, err := simulate.Run(&o.Scenario, o.Proxy, o.Seeds[0], simulate.Static{100, 100, 100, 100})
			if err != nil {
				t.Fatal(err)
			}
			for i := range out.Runs {
				r := &out.Runs[i]
				if c := r.Connections; c.Opened != d.connections || c.Failed != 0 || c.Lost != 0 || c.Peak > 200 {
					t.Errorf("%s: %+v, want %d connections", r.Policy, c, d.connections)
				}
				// What comes at the very end of the warm-up may count.
				if n := r.Requests; math.Abs(float64(n-simulated.Requests)) > 0.02*float64(n) || r.ErrorShare() > 0 || r.Unfinished > 0 {
					t.Errorf("%s: %d messages, %d in the simulation, errors %+v", r.Policy, n, simulated.Requests, r.Errors)
				}
				if r.seen.connections > 2 {
					t.Errorf("%s: most connections ÷ mean %v", r.Policy, r.seen.connections)
				}
			}
			equal, known := figures(t, out.Summary, "equal"), figures(t, out.Summary, "omniscient")
			if regret := equal.Imbalance / known.Imbalance; equal.Regret == nil || math.Abs(*equal.Regret-regret) > 1e-9 {
				t.Errorf("regret %v, that of imbalance is %v", equal.Regret, regret)
			}
		})
	}
}

// Connections break off, messages fail, and weights follow.
func TestThingsHappenToConnections(t *testing.T) {
	const events = "{at: 6s, backend: a-1, restart: {down: 1s}}, {at: 7s, backend: b, error_rate: 0.2}, {at: 8s, backend: a-2, speed: 0.5}"
	for kind, own := range map[string]string{"haproxy": "agent-check", "envoy": "orca"} {
		t.Run(kind, func(t *testing.T) {
			o, out := sockets(t, kind, events, "truth, trimtab, "+own)
			seconds := int(o.Scenario.Duration / time.Second)
			for i := range out.Runs {
				r := &out.Runs[i]
				if r.Connections.Lost == 0 || r.Errors.Total() == 0 || r.ErrorShare() > 0.25 {
					t.Errorf("%s: %+v, errors %+v of %d", r.Policy, r.Connections, r.Errors, r.Requests)
				}
				if f := figures(t, out.Summary, "truth"); f.ConnectionsLost == 0 {
					t.Error("none was lost in the summary")
				}
				result := r.simulated()
				for _, b := range result.Series.Backends {
					if len(b.InFlight) != seconds || len(b.Utilization) != seconds || len(b.Weight) != seconds || len(b.Latency) != seconds {
						t.Errorf("%s: %s has %d, %d, %d and %d seconds of %d", r.Policy, b.Name, len(b.InFlight), len(b.Utilization), len(b.Weight), len(b.Latency), seconds)
					}
				}
				if last := result.Series.Backends[1]; last.InFlight[seconds-1] == 0 || last.Weight[seconds-1] == 0 || math.IsNaN(last.Latency[seconds-1]) {
					t.Errorf("%s: a-2 ends with %v in flight, weight %v, latency %v", r.Policy, last.InFlight[seconds-1], last.Weight[seconds-1], last.Latency[seconds-1])
				}
				if joined := result.Series.Backends[3]; joined.InFlight[3] != 0 || joined.Weight[3] != 0 || joined.InFlight[seconds-1] == 0 {
					t.Errorf("%s: c was there before it joined, or never came: %v", r.Policy, joined)
				}
			}
			for _, p := range []string{"truth", own} {
				f := figures(t, out.Summary, p)
				if f == nil || len(f.Convergence) < 3 { // c joins, a-1 is back, b and a-2 change
					t.Errorf("%s: %+v", p, f)
				}
			}
			all := figures(t, out.Summary, "truth").Convergence
			if last := all[len(all)-1]; last.At != 8 || last.After == nil || *last.After > 1 {
				t.Errorf("one who knows took longer than a second: %+v", last)
			}
		})
	}
}

// One joins, and then another is deployed: who closes nothing breaks its connections
// off, and leaves who came empty.
const deployed = `
name: deployed
warmup: 1s
duration: 32s
proxy: {kind: haproxy, balance: leastconn}
backends:
  - {name: s, count: 2, cores: 4}
  - {name: new, cores: 4, joins_at: 5s}
reports: {period: 1s, delay: 200ms}
shed: {rate: 20%/s}
traffic:
  - kind: websockets
    clients: 120
    connect_over: 500ms
    message: {every: 1s, demand: 2ms}
    reconnect: {delay: {uniform: [100ms, 500ms]}}
events: [{at: 25s, backend: s-1, restart: {drain: 5s, down: 1s}}]
policies: [leastconn, trimtab]
`

func TestConnectionsMoveAndDrain(t *testing.T) {
	judged(t, parsed(t, deployed), func(j *judgment, out *Outcome) { movedAndDrained(t, j, out) })
}

func movedAndDrained(t *testing.T, j *judgment, out *Outcome) {
	t.Helper()
	f := figures(t, out.Summary, "leastconn")
	// 40 of 60 would be each one's, and all of one are to leave.
	if least := f.ConnectionsLeast; least < 36+60+10 || least > 36+60+2*60 || *f.ConnectionsShedOverLeast != 0 {
		j.Errorf("leastconn: %+v", f.SocketFigures)
	}
	if f.ConnectionsPeak != 120 || f.ConnectionsPeakMaxMean < 1.2 || f.ConnectionsPeakMaxMin < 20 || f.ConnectionsLost < 50 || f.ClientsLost != 0 {
		j.Errorf("leastconn: %+v", f)
	}
	backends := runOf(t, out, "leastconn").seen.series.Backends
	if drained := backends[0].InFlight; drained[28] < 50 || drained[31] > 60 {
		j.Errorf("s-1 has %v in flight over time", drained)
	}
	if joined := backends[2].InFlight; joined[10] > 5 {
		j.Errorf("new has %v in flight over time, though nobody leaves", joined)
	}
	if f = figures(t, out.Summary, "trimtab"); f == nil {
		for _, p := range out.Policies {
			t.Logf("%s: %s", p.Name, p.NotApplicable)
		}
		t.Fatal("trimtab's run is not applicable")
	}
	// A third of them moves to who joined, another leaves before the restart.
	if f.ConnectionsShed < 65 || f.ConnectionsShed > 100 || f.ConnectionsLost > 15 || f.ClientsLost != 0 {
		j.Errorf("trimtab: %+v, %+v", f, f.SocketFigures)
	}
	for _, b := range runOf(t, out, "trimtab").seen.series.Backends {
		if held := b.InFlight[24]; held > 1.25*40 {
			j.Errorf("%v of 120 connections in flight on one of three", held)
		}
	}
}
