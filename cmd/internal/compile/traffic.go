package compile

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

func requests(r scenario.Requests, nominal float64) simulate.Requests {
	base := r.PerSecond(nominal)
	factor := func(time.Duration) float64 { return 1 }
	if slices.ContainsFunc(r.Profile, func(p scenario.Point) bool { return p.DemandFactor != 1 }) {
		factor = func(t time.Duration) float64 { return r.At(t).DemandFactor }
	}
	return simulate.Requests{
		Rate: func(t time.Duration) float64 { return base * r.At(t).Factor },
		Demand: simulate.Demand{
			Mean: r.Demand.Mean().Seconds(),
			Draw: func(random *rand.Rand, t time.Duration) (work, wait float64) {
				work = r.Demand.Sample(random).Seconds() * factor(t)
				return work, r.Wait.Sample(random).Seconds()
			},
		},
	}
}

func sockets(w scenario.WebSockets) simulate.Sockets {
	out := simulate.Sockets{
		Clients: w.Clients, ConnectFrom: w.ConnectAt, ConnectOver: w.ConnectOver,
		Lifetime: lifetime(w.Lifetime), Reconnect: span(w.Reconnect.Delay),
	}
	if w.Message != nil {
		out.Message = message(*w.Message)
	}
	if w.Dear != nil {
		out.Dear, out.DearMessage = w.Dear.Clients, message(w.Dear.Message)
	}
	return out
}

func lifetime(l *scenario.Lifetime) simulate.Span {
	switch {
	case l == nil:
		return nil
	case l.Rounds != nil:
		return simulate.Rounds(l.Rounds.Each, l.Rounds.Drop, l.Rounds.Last)
	default:
		return simulate.ExponentialSpan(l.Exp)
	}
}

func message(m scenario.Message) simulate.Message {
	work := span(m.Demand)
	return simulate.Message{Every: m.Every, Demand: simulate.Demand{
		Mean: m.Demand.Mean().Seconds(),
		Draw: func(random *rand.Rand, _ time.Duration) (float64, float64) { return work(random), 0 },
	}}
}

func span(m scenario.Mix) simulate.Span {
	return func(random *rand.Rand) float64 { return m.Sample(random).Seconds() }
}
