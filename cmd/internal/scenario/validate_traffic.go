package scenario

import (
	"math"
	"time"
)

func (v *validator) trafficOf(f File) {
	for i, t := range f.Traffic {
		path := at("traffic", i)
		switch {
		case t.Requests != nil:
			v.requests(path, f, *t.Requests)
		case t.WebSockets != nil:
			v.webSockets(path, *t.WebSockets)
		}
	}
}

func (v *validator) requests(path string, f File, r Requests) {
	v.whole(path+".demand", r.Demand)
	if v.intact(path+".demand") && r.Demand.Mean() <= 0 {
		v.wrong(path+".demand", "", "costs nothing")
	}
	if total := v.mix(path+".wait", r.Wait); total > 1+shareTolerance && v.intact(path+".wait") {
		v.wrong(path+".wait", "", "the shares add up to %.6g, must be at most 1", total)
	}
	v.profile(path, f, r)
}

// shareTolerance lets thirds be written with six digits.
const shareTolerance = 1e-5

func (v *validator) profile(path string, f File, r Requests) {
	if r.Ramp && len(r.Profile) < 2 {
		v.wrong(path+".ramp", "", "needs a profile of two points at least")
	}
	for i, p := range r.Profile {
		point := at(path+".profile", i) + ".at"
		switch {
		case !v.sound(point):
		case i == 0 && p.At != 0:
			v.wrong(point, "begin with {at: 0s}", "the first point must be at 0s, is at %s", short(p.At))
		case i > 0 && p.At <= r.Profile[i-1].At && v.sound(at(path+".profile", i-1)+".at"):
			v.wrong(point, "", "must be later than the point before, is %s after %s", short(p.At), short(r.Profile[i-1].At))
		case p.At > f.End() && v.sound("duration", "warmup"):
			v.wrong(point, "", "is after the end at %s", short(f.End()))
		}
	}
}

func (v *validator) webSockets(path string, w WebSockets) {
	v.whole(path+".reconnect.delay", w.Reconnect.Delay)
	if w.Message != nil {
		v.whole(path+".message.demand", w.Message.Demand)
	}
	if w.Dear != nil {
		v.whole(path+".dear.demand", w.Dear.Demand)
		if v.sound(path+".clients", path+".dear.clients") && w.Dear.Clients > w.Clients {
			v.wrong(path+".dear.clients", "", "must be at most all clients, %d, is %d", w.Clients, w.Dear.Clients)
		}
	}
	if l := w.Lifetime; l != nil && l.Rounds != nil {
		rounds := path + ".lifetime.rounds"
		if v.sound(rounds+".each", rounds+".last") && l.Rounds.Last <= -l.Rounds.Each {
			v.wrong(rounds+".last", "", "must be above −each, −%s, is %s", short(l.Rounds.Each), short(l.Rounds.Last))
		}
	}
}

// whole checks a mix that says what happens in every case.
func (v *validator) whole(path string, m Mix) {
	if total := v.mix(path, m); v.intact(path) && math.Abs(total-1) > shareTolerance {
		v.wrong(path, "", "the shares add up to %.6g, must be 1", total)
	}
}

// mix checks each distribution and returns the sum of the shares.
func (v *validator) mix(path string, m Mix) float64 {
	total := 0.0
	for i, p := range m {
		total += p.Share
		part := path
		if v.given(at(path, i)) {
			part = at(path, i)
		}
		v.distribution(part, p.Distribution)
	}
	return total
}

func (v *validator) distribution(path string, d Distribution) {
	rises := func(key string, low, high time.Duration, lower string) {
		if low >= high {
			v.wrong(path+key, "", "must be above %s, %s, is %s", lower, short(low), short(high))
		}
	}
	switch {
	case d.Uniform != nil:
		if d.Uniform[0] > d.Uniform[1] {
			v.wrong(path+".uniform", "", "the least, %s, is above the largest, %s", short(d.Uniform[0]), short(d.Uniform[1]))
		}
	case d.Lognormal != nil && v.sound(path+".lognormal.p50", path+".lognormal.p99"):
		rises(".lognormal.p99", d.Lognormal.P50, d.Lognormal.P99, "p50")
	case d.Pareto != nil && v.sound(path+".pareto.min", path+".pareto.shape", path+".pareto.max"):
		if d.Pareto.Max > 0 {
			rises(".pareto.max", d.Pareto.Min, d.Pareto.Max, "min")
		} else if d.Pareto.Shape <= 1 {
			v.wrong(path+".pareto.shape", "give a max, or a shape above 1", "has no finite mean with %g", d.Pareto.Shape)
		}
	case d.ShiftedExp != nil && v.sound(path+".shifted_exp.min", path+".shifted_exp.mean"):
		rises(".shifted_exp.mean", d.ShiftedExp.Min, d.ShiftedExp.Mean, "min")
	}
}
