package scorer

import (
	"maps"
	"math"
	"time"
)

// Memory is what a pool knows that its successor after a restart can use. It is
// plain data.
type Memory struct {
	// At is when it was noted.
	At time.Time `json:"at"`
	// Kind is what the pool served, as configured or found out.
	Kind Kind `json:"kind,omitempty"`
	// Reported is that backends reported their utilization, Spread that capacities
	// were told apart.
	Reported bool `json:"reported,omitempty"`
	Spread   bool `json:"spread,omitempty"`
	// Backends are by name.
	Backends map[string]Remembered `json:"backends"`
}

// Remembered is what is known of one backend.
type Remembered struct {
	// Weight is the last plan's, in plan units.
	Weight float64 `json:"weight"`
	// Log is the logarithm of the learned capacity over the configured one, and
	// Deviation its standard deviation; 0 and 0 when nothing was learned.
	Log       float64 `json:"log"`
	Deviation float64 `json:"deviation"`
	// Held is the logarithm of the published capacity over the configured one,
	// which follows what was learned at a distance; nil while none was.
	Held *float64 `json:"held,omitempty"`
	// Guard is what queues have added to the logarithm under round robin.
	Guard float64 `json:"guard,omitempty"`
	// Report is what its load reports have shown; nil without any.
	Report *RememberedReport `json:"report,omitempty"`
	// Excess is what its dear connections cost beyond the others, in units of the
	// configured capacity.
	Excess float64 `json:"excess,omitempty"`
	// Drain is how a drain under way began; nil while it is not drained by order.
	Drain *RememberedDrain `json:"drain,omitempty"`
	// Ejected is what a backend was ejected for; nil while it was not.
	Ejected *RememberedEjection `json:"ejected,omitempty"`
}

// RememberedDrain is a drain under way.
type RememberedDrain struct {
	// Ordered is the order's time, and First how many connections there were when it
	// began.
	Ordered time.Time `json:"ordered"`
	First   int       `json:"first"`
}

// RememberedReport is a capacity by load reports, like the one by latency.
type RememberedReport struct {
	Log       float64 `json:"log"`
	Deviation float64 `json:"deviation"`
	// Doubted is that it did not agree with latency.
	Doubted bool `json:"doubted,omitempty"`
}

// RememberedEjection is an ejection under way.
type RememberedEjection struct {
	// DelaySeconds is the time between probes.
	DelaySeconds float64 `json:"delay_seconds"`
	// Failed and Rest are the shares of failures of the backend and of the others.
	Failed float64 `json:"failed"`
	Rest   float64 `json:"rest"`
}

// Memory notes what the pool knows now, and what was noted before of backends that
// have not come yet: whoever restarts twice loses nothing.
func (p *Pool) Memory() Memory {
	out := Memory{
		At: p.last, Kind: p.kind.kind, Reported: p.reported, Spread: p.capacity.spread,
		Backends: make(map[string]Remembered, len(p.members)),
	}
	maps.Copy(out.Backends, p.memory)
	for _, m := range p.members {
		r := p.memory[m.Name] // stands until a step has seen it
		if m.weight > 0 {
			r.Weight = m.weight
		}
		r.Excess, r.Ejected = p.goals.excessOf(m.Name), nil
		if m.known {
			held := m.held
			r.Held = &held
		}
		if s := p.capacity.state(m.Name); s != nil {
			s.remember(&r)
		}
		if d := m.drain; d != nil && isNumber(d.first) {
			r.Drain = &RememberedDrain{Ordered: d.ordered, First: int(d.first)}
		}
		if e := m.ejection; e != nil {
			r.Ejected = &RememberedEjection{e.delay.Seconds(), e.failed, e.rest}
		}
		out.Backends[m.Name] = r
	}
	return out
}

// Recall starts from what a predecessor knew; it is called before the first
// step. What is in force at the targets counts more: weights move from there, one
// step at a time, to what the memory says. Values that make no sense are left out.
func (p *Pool) Recall(memory Memory, now time.Time) {
	p.memory, p.recalled, p.reported = map[string]Remembered{}, now, memory.Reported
	p.kind.recall(p.config.Kind, memory.Kind)
	p.capacity.spread = memory.Spread
	age := max(now.Sub(memory.At).Seconds(), 0)
	ejected := 0
	for _, r := range memory.Backends {
		if r.Ejected != nil {
			ejected++
		}
	}
	// Who failed long ago may be well, and a pool that is mostly out is none.
	allowed := max(1, int(p.config.Limits.MaxEjected*float64(len(memory.Backends))))
	forgiven := age > 2*p.constants.MaxDelay.Seconds() || ejected > allowed || ejected == len(memory.Backends)
	for name, r := range memory.Backends {
		if forgiven {
			r.Ejected = nil
		}
		if r.sane(age, p.constants) {
			p.memory[name] = r
		}
	}
	p.capacity.memory, p.capacity.recalled = p.memory, now
	p.goals.recall(p.memory)
	for _, m := range p.members {
		m.recall(p.memory, now, p.constants)
	}
}

// sane bounds what a file may say, and widens estimates by the time since; it
// returns false for what no pool has noted.
func (r *Remembered) sane(age float64, k *Constants) bool {
	if !(r.Weight >= 0) || math.IsInf(r.Weight, 0) || !isNumber(r.Log) || !isNumber(r.Deviation) || !isNumber(r.Excess) || !isNumber(r.Guard) {
		return false
	}
	r.Log = clampLog(r.Log, maxLog)
	if r.Deviation != 0 { // else nothing was learned, which no time makes an estimate of
		r.Deviation = widened(r.Deviation, k.LatencyDrift, age, k.FirstDeviation)
	}
	r.Guard = clampLog(r.Guard, k.GuardLimit)
	if r.Held != nil && !isNumber(*r.Held) {
		r.Held = nil
	}
	if r.Drain != nil && r.Drain.First < 0 {
		r.Drain = nil
	}
	if r.Held != nil {
		held := clampLog(*r.Held, maxLog)
		r.Held = &held
	}
	if r.Report != nil && (!isNumber(r.Report.Log) || !(r.Report.Deviation > 0)) {
		r.Report = nil
	}
	if r.Report != nil {
		r.Report = &RememberedReport{
			Log:       clampLog(r.Report.Log, 2*maxLog),
			Deviation: widened(r.Report.Deviation, k.ReportDrift, age, k.FirstReportDeviation), Doubted: r.Report.Doubted,
		}
	}
	return true
}

func clampLog(x, limit float64) float64 { return min(max(x, -limit), limit) }

// widened is a standard deviation after some seconds of drift, at most that of which
// nothing is known.
func widened(deviation, drift, seconds, most float64) float64 {
	return min(math.Sqrt(deviation*deviation+drift*drift*seconds), most)
}

// remember notes what is known of a backend's capacity.
func (s *capacityState) remember(r *Remembered) {
	r.Log, r.Deviation = s.latency.x, math.Sqrt(s.latency.v)
	r.Guard = s.queue.guard
	if s.report != nil {
		r.Report = &RememberedReport{s.report.x, math.Sqrt(s.report.v), s.report.doubted}
	}
}

// recall goes on from what was known. What reports have shown counts as said at
// the time of the recall: the backend has some time to say it again.
func (s *capacityState) recall(r *Remembered, now time.Time, k *Constants) {
	if r.Deviation > 0 {
		s.latency.x, s.latency.v = r.Log, r.Deviation*r.Deviation
	}
	s.queue.guard = r.Guard
	if r.Report != nil {
		s.report = newReportState(r.Report.Log, k)
		s.report.last, s.report.doubted = now, r.Report.Doubted
		s.report.v = r.Report.Deviation * r.Report.Deviation
	}
}

// recall makes a new member what it was before.
func (m *member) recall(memory map[string]Remembered, now time.Time, k *Constants) {
	r, ok := memory[m.Name]
	if !ok {
		return
	}
	m.recalled = true
	if r.Held != nil {
		m.held, m.known, m.factor = *r.Held, true, math.Exp(*r.Held)
	}
	if r.Ejected == nil || m.pin > 0 {
		return
	}
	delay := time.Duration(min(max(r.Ejected.DelaySeconds, k.FirstDelay.Seconds()), k.MaxDelay.Seconds()) * float64(time.Second))
	m.ejection = &ejection{
		constants: k, delay: delay, pulse: k.FirstPulse, next: now.Add(delay),
		failed: r.Ejected.Failed, rest: r.Ejected.Rest,
	}
}
