package scorer

import (
	"maps"
	"math"
	"slices"
	"time"
)

// Scaler finds out how many backends a pool wants. It reads no clock; one goroutine
// owns it.
//
// With C_i the capacities (configured, times what was learned), u_i the reported
// utilizations, and U the target:
//
//	load   L = Σ C_i·u_i              over all that report, those that drain included;
//	                                  who is silent is taken for as full as the others
//	ahead  A = L + max(0, slope)·H    the load at the horizon, at most twice L
//	room   R = Σ C_i                  over those in service
//	need   A/U                        the capacity that holds it at the target
//
// L is a 10 s mean. The slope is that of a straight line through the last H seconds
// (older ones weigh exponentially less), less twice its standard error, so that noise
// is not taken for a rise. A fall is not looked ahead to: it frees a backend when it
// has come.
//
//	needed = n + ⌈(A/U − R) / median C_i⌉   where that does not fit into the room,
//	needed = n − k                          else: the k that are cheapest to empty
//	                                        (see [spareable]) leave room for 1.05·A/U
//
// so needed never falls when load rises. From one step to the next,
//
//	wanted rises to the least that was needed at any time in the last UpAfter
//	       falls to the most  that was needed at any time in the last DownAfter
//
// and is kept within Min and Max. Constant load has one answer: a backend that was
// added for need is not spared, as the rest did not hold the load without it, and
// one that was spared is not missed, as the rest do. Learned capacities are ratios,
// whose unit moves as members come and go: what is remembered of the load is
// converted by the members that stay.
type Scaler struct {
	config ScaleConfig
	load   average
	trend  trend
	// before are the capacities of the last step, for the conversion of units; nil
	// before the first.
	before map[string]float64
	last   time.Time
	// needs are what was needed lately, oldest first; since is when they began
	// without a gap.
	needs  []scaleNeed
	since  time.Time
	wanted int
	spare  string
}

type scaleNeed struct {
	at     time.Time
	needed int
}

// scaleMemory is the time constant of the load's mean, in seconds.
const scaleMemory = 10

// spareMargin is by how much more than the target's room the rest must have for a
// backend to be spared.
const spareMargin = 1.05

// ScaleBackend is what a [Scaler] sees of one backend.
type ScaleBackend struct {
	Backend string
	// Capacity is what it can do relative to the others, above 0.
	Capacity float64
	// Utilization is its own word, 1 = full; NaN when it is not known.
	Utilization float64
	// InFlight is what is open at it; NaN when it is not known.
	InFlight float64
	// InService is that it takes new work.
	InService bool
}

// ScaleAdvice is how many backends a pool wants, and why.
type ScaleAdvice struct {
	// Known is false while nothing tells how full the backends are: only Backends and
	// Why mean anything then.
	Known bool
	// Backends is how many there are, Wanted how many there should be.
	Backends, Wanted int
	// Utilization is how full those in service are together, and Ahead how full they
	// would be at the horizon; 1 = full.
	Utilization, Ahead float64
	// Spare is the backend that empties cheapest, where one can be spared: the others
	// hold its work under the target. "" where none can.
	Spare string
	// Why is the reason in words.
	Why string
}

// NewScaler returns a scaler that has seen nothing. Its error is a setting that
// makes no sense.
func NewScaler(c ScaleConfig) (*Scaler, error) {
	c = c.withDefaults()
	if err := c.check(); err != nil {
		return nil, err
	}
	return &Scaler{config: c, load: newAverage(scaleMemory), trend: trend{memory: c.Horizon.Seconds()}}, nil
}

// Advise takes the backends as they are at a moment, which must not go backwards.
func (s *Scaler) Advise(now time.Time, in []ScaleBackend) ScaleAdvice {
	seconds := 1.0 // the first one counts as it is
	if s.before != nil {
		seconds = max(now.Sub(s.last).Seconds(), 0)
	}
	out := ScaleAdvice{Backends: len(in), Utilization: math.NaN(), Ahead: math.NaN()}
	load, ok := s.loadOf(in)
	if !ok {
		s.forget()
		out.Why = whyUnknown(in)
		return out
	}
	s.convert(in)
	s.last = now
	s.trend.add(load, seconds)
	level := s.load.add(load, seconds)
	ahead := min(level+max(s.trend.rise(), 0)*s.config.Horizon.Seconds(), 2*level)

	need := needOf(in, ahead/s.config.TargetUtilization)
	s.note(now, need.count)
	s.decide(now)
	out.Known, out.Wanted = true, s.wanted
	out.Utilization, out.Ahead = level/need.room, ahead/need.room
	s.spare = need.choose(s.spare, s.wanted < len(in))
	out.Spare = s.spare
	out.Why = s.why(out, need)
	return out
}

// loadOf sums up the load; false when too little of it is known.
func (s *Scaler) loadOf(in []ScaleBackend) (load float64, ok bool) {
	var known, room, leaving float64
	for i := range in {
		b := &in[i]
		told := isNumber(b.Utilization) && b.Utilization >= 0
		switch {
		case b.InService && told:
			load += b.Capacity * b.Utilization
			known += b.Capacity
			room += b.Capacity
		case b.InService:
			room += b.Capacity
		case told:
			leaving += b.Capacity * b.Utilization // it will have to go elsewhere
		}
	}
	// What half of the room says would be a guess for all of it.
	if !(known > room/2) {
		return 0, false
	}
	return load*room/known + leaving, true
}

// forget begins anew, but for what was wanted.
func (s *Scaler) forget() {
	s.load, s.trend = newAverage(scaleMemory), trend{memory: s.trend.memory}
	s.needs, s.before, s.spare = s.needs[:0], nil, ""
}

// convert brings what is remembered into the unit of the capacities as they are
// now: by the mean ratio, of those that were there before, of now to then.
func (s *Scaler) convert(in []ScaleBackend) {
	if s.before == nil {
		s.before = make(map[string]float64, len(in))
	}
	var sum, count float64
	for i := range in {
		name, capacity := in[i].Backend, in[i].Capacity
		before, ok := s.before[name]
		if ok {
			count++
		}
		if ok && before != capacity {
			sum += math.Log(capacity / before)
		}
		s.before[name] = capacity
	}
	if len(s.before) > len(in) {
		maps.DeleteFunc(s.before, func(name string, _ float64) bool {
			return !slices.ContainsFunc(in, func(b ScaleBackend) bool { return b.Backend == name })
		})
	}
	if count == 0 || sum == 0 {
		return
	}
	k := math.Exp(sum / count)
	s.load.value *= k
	s.trend.scale(k)
}

// note remembers what is needed for as long as it may be asked for.
func (s *Scaler) note(now time.Time, needed int) {
	if len(s.needs) == 0 {
		s.since = now
	}
	keep := now.Add(-max(s.config.UpAfter, s.config.DownAfter))
	s.needs = slices.DeleteFunc(s.needs, func(n scaleNeed) bool { return n.at.Before(keep) })
	s.needs = append(s.needs, scaleNeed{now, needed})
}

// decide moves what is wanted.
func (s *Scaler) decide(now time.Time) {
	if s.wanted == 0 {
		s.wanted = len(s.before) // until more is known, what there is
	}
	least, most := math.MaxInt, 0
	for _, n := range s.needs {
		if now.Sub(n.at) <= s.config.UpAfter {
			least = min(least, n.needed)
		}
		if now.Sub(n.at) <= s.config.DownAfter {
			most = max(most, n.needed)
		}
	}
	lasted := now.Sub(s.since)
	switch {
	case least > s.wanted && lasted >= s.config.UpAfter:
		s.wanted = least
	case most < s.wanted && lasted >= s.config.DownAfter:
		s.wanted = most
	}
	s.wanted = max(s.wanted, s.config.Min)
	if s.config.Max > 0 {
		s.wanted = min(s.wanted, s.config.Max)
	}
}
