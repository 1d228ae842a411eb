package compile

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

func source(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// load is the work that arrives in a second in simulation, once all clients have
// connected.
func load(f scenario.File, s simulate.Scenario, at time.Duration) float64 {
	sum, stream := 0.0, 0
	for _, t := range f.Traffic {
		if t.Requests == nil {
			continue
		}
		r := s.Requests[stream]
		stream++
		work, _ := r.Demand.Draw(source(1), at)
		usual := t.Requests.Demand.Sample(source(1)).Seconds()
		sum += r.Rate(at) * r.Demand.Mean * work / usual
	}
	for _, g := range s.Sockets {
		if at < g.ConnectOver {
			continue
		}
		if g.Message.Every > 0 {
			sum += float64(g.Clients-g.Dear) / g.Message.Every.Seconds() * g.Message.Demand.Mean
		}
		if g.Dear > 0 {
			sum += float64(g.Dear) / g.DearMessage.Every.Seconds() * g.DearMessage.Demand.Mean
		}
	}
	return sum
}

// Second by second, as much arrives as the file says.
func TestTrafficIsTheLoad(t *testing.T) {
	for _, f := range all(t) {
		s := Scenario(f)
		for at := time.Duration(0); at < f.End(); at += time.Second {
			if got, want := load(f, s, at), f.Load(at); math.Abs(got-want) > 1e-6*want {
				t.Fatalf("%s: %v arrives after %v, want %v", f.Name, got, at, want)
			}
		}
	}
}

// mean is that of many draws.
func mean(draw func(*rand.Rand) float64) float64 {
	const n = 50_000
	r, sum := source(1), 0.0
	for range n {
		sum += draw(r)
	}
	return sum / n
}

func TestDrawnTimes(t *testing.T) {
	s := Scenario(parsed(t, `
name: test
duration: 60s
backends: [{name: a, cores: 2}]
traffic:
  - kind: requests
    rate: 10/s
    demand: [{share: 0.5, const: 10ms}, {share: 0.5, uniform: [20ms, 40ms]}]
    wait: {share: 0.3, exp: 500ms}
  - kind: websockets
    clients: 100
    connect_over: 5s
    lifetime: {rounds: {each: 4s, drop: 0.5, last: -1s}}
    message: {every: 2s, demand: {exp: 3ms}}
    dear: {clients: 3, every: 4s, demand: 1s}
    reconnect: {delay: {uniform: [1s, 2s]}}
  - kind: websockets
    clients: 10
    lifetime: {exp: 30s}
  - kind: websockets
    clients: 10
`))
	r, group := s.Requests[0], s.Sockets[0]
	if group.Clients != 100 || group.ConnectOver != 5*time.Second || group.Message.Every != 2*time.Second || group.Dear != 3 || group.DearMessage.Every != 4*time.Second {
		t.Errorf("clients %+v", group)
	}
	if s.Sockets[1].Message.Every != 0 || s.Sockets[2].Lifetime != nil {
		t.Error("clients that send nothing do, or connections for ever end")
	}
	for name, test := range map[string]struct{ got, want float64 }{
		"work":         {mean(func(r2 *rand.Rand) float64 { w, _ := r.Demand.Draw(r2, 0); return w }), 0.020},
		"wait":         {mean(func(r2 *rand.Rand) float64 { _, w := r.Demand.Draw(r2, 0); return w }), 0.150},
		"rounds":       {mean(group.Lifetime), 7},
		"life":         {mean(s.Sockets[1].Lifetime), 30},
		"reconnect":    {mean(group.Reconnect), 1.5},
		"comes back":   {mean(s.Sockets[1].Reconnect), 2.75},
		"message":      {mean(func(r *rand.Rand) float64 { w, _ := group.Message.Demand.Draw(r, 0); return w }), 0.003},
		"dear message": {mean(func(r *rand.Rand) float64 { w, _ := group.DearMessage.Demand.Draw(r, 0); return w }), 1},
	} {
		if math.Abs(test.got/test.want-1) > 0.03 {
			t.Errorf("%s: a mean of %v s, want %v s", name, test.got, test.want)
		}
	}
}
