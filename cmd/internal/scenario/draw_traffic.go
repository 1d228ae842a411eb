package scenario

import (
	"math"
	"time"
)

// traffic draws what arrives at f, whose pool is drawn: at 30 to 85 % of what
// the pool can do.
func (d drawer) traffic(f *File) {
	utilization := 0.3 + 0.55*d.Float64()
	capacity := capacityAt(f.Timelines(), 0)
	work := utilization * capacity * f.End().Seconds()
	least, most := time.Duration(work/mostRequests*1e9), time.Duration(work/leastRequests*1e9)
	mean := min(max(d.time(5*time.Millisecond, 200*time.Millisecond), least), most)
	if d.chance(0.12) {
		f.Traffic = []Traffic{{WebSockets: d.webSockets(f, utilization*capacity, mean)}}
		return
	}
	r := &Requests{
		// Rounded down: more would be more than was asked for.
		Utilization: math.Floor(utilization*capacity/f.Nominal()*1000) / 1000,
		Demand:      d.demand(mean),
		Wait:        d.wait(),
	}
	f.Traffic = []Traffic{{Requests: r}}
	d.profile(f, r, utilization)
}

func capacityAt(all []Timeline, t time.Duration) float64 {
	sum := 0.0
	for _, one := range all {
		sum += one.At(t).Capacity()
	}
	return sum
}

// demand has about the mean.
func (d drawer) demand(mean time.Duration) Mix {
	m := mean.Seconds()
	one := func(of Distribution) Mix { return Mix{{Share: 1, Distribution: of}} }
	constant := nearly(m)
	switch d.IntN(7) {
	case 0:
		return one(Distribution{Const: &constant})
	case 1:
		return one(Distribution{Uniform: &Span{nearly(m / 2), nearly(m * 3 / 2)}})
	case 2:
		return one(Distribution{Exp: nearly(m)})
	case 3:
		sigma := 0.5 + d.Float64()
		p50 := m * math.Exp(-sigma*sigma/2)
		return one(Distribution{Lognormal: &Lognormal{P50: nearly(p50), P99: nearly(p50 * math.Exp(normalP99*sigma))}})
	case 4:
		shape := rounded(1.6 + 1.4*d.Float64())
		low := m * (shape - 1) / shape
		p := &Pareto{Min: nearly(low), Shape: shape}
		if d.chance(0.5) {
			p.Max = nearly(low * 1000)
		}
		return one(Distribution{Pareto: p})
	case 5:
		return one(Distribution{ShiftedExp: &ShiftedExp{Min: nearly(m / 3), Mean: nearly(m)}})
	default:
		// A few requests bring a large part of the work.
		share, part := pick(d, 0.02, 0.05, 0.1), 0.3+0.4*d.Float64()
		heavy := m * part / share
		return Mix{
			{Share: rounded(1 - share), Distribution: Distribution{Exp: nearly(m * (1 - part) / (1 - share))}},
			{Share: share, Distribution: Distribution{ShiftedExp: &ShiftedExp{Min: nearly(heavy / 3), Mean: nearly(heavy)}}},
		}
	}
}

func (d drawer) wait() Mix {
	if !d.chance(0.3) {
		return nil
	}
	return Mix{{Share: pick(d, 0.3, 0.5, 1), Distribution: Distribution{Exp: d.time(20*time.Millisecond, 800*time.Millisecond)}}}
}

// profile leaves the load as it is, swings it, steps it up, or overloads the
// pool for a moment. base is the utilization at a factor of 1.
func (d drawer) profile(f *File, r *Requests, base float64) {
	const period = 20 // points a swing
	end := f.End()
	switch at := d.Float64(); {
	case at < 0.15:
		swings, low := 1+d.IntN(2), 0.2+0.4*d.Float64()
		for i := range swings*period + 1 {
			height := (1 + math.Sin(2*math.Pi*float64(i)/period)) / 2
			r.Profile = append(r.Profile, Point{
				At:     (end * time.Duration(i) / time.Duration(swings*period)).Round(time.Second),
				Factor: math.Round((low+(1-low)*height)*100) / 100, DemandFactor: 1,
			})
		}
		r.Ramp = true
	case at < 0.25:
		r.Profile = []Point{{Factor: pick(d, 0.2, 0.4), DemandFactor: 1}, {At: f.Warmup + d.seconds(20, 60), Factor: 1, DemandFactor: 1}}
	case at < 0.32:
		r.Profile = []Point{{Factor: 1, DemandFactor: 0.5}, {At: f.Warmup + d.seconds(20, 60), Factor: 1, DemandFactor: 1}}
	case at < 0.42:
		from := f.Warmup + d.seconds(20, 60)
		r.Profile = []Point{
			{Factor: 1, DemandFactor: 1},
			{At: from, Factor: rounded(1.1 / base), DemandFactor: 1},
			{At: from + d.seconds(3, 8), Factor: 1, DemandFactor: 1},
		}
	}
	if !fair(*f) {
		r.Profile, r.Ramp = nil, false
	}
}

// webSockets are as many clients as bring the load, in seconds of demand a
// second, by messages of the mean.
func (d drawer) webSockets(f *File, load float64, mean time.Duration) *WebSockets {
	every := d.seconds(1, 10)
	demand := d.demand(mean)
	clients := int(load * every.Seconds() / demand.Mean().Seconds())
	w := &WebSockets{
		Clients: min(max(clients, 2), 1_000_000), ConnectOver: min(d.seconds(5, 20), f.Warmup),
		Message:   &Message{Every: every, Demand: demand},
		Reconnect: Reconnect{Delay: Mix{{Share: 1, Distribution: Distribution{Uniform: &Span{500 * time.Millisecond, 5 * time.Second}}}}},
	}
	switch d.IntN(3) {
	case 0:
		w.Lifetime = &Lifetime{Exp: d.seconds(60, 600)}
	case 1:
		w.Lifetime = &Lifetime{Rounds: &Rounds{Each: d.seconds(10, 60), Drop: pick(d, 0.2, 0.5), Last: -time.Second}}
	}
	return w
}
