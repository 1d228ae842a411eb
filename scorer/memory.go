package scorer

import (
	"math"
	"time"
)

// Memory is what a pool knows that its successor after a restart can use. It is
// plain data.
type Memory struct {
	// At is when it was noted.
	At time.Time `json:"at"`
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
	// Ejected is what a backend was ejected for; nil while it was not.
	Ejected *RememberedEjection `json:"ejected,omitempty"`
}

// RememberedEjection is an ejection under way.
type RememberedEjection struct {
	// DelaySeconds is the time between probes.
	DelaySeconds float64 `json:"delay_seconds"`
	// Failed and Rest are the shares of failures of the backend and of the others.
	Failed float64 `json:"failed"`
	Rest   float64 `json:"rest"`
}

// Memory notes what the pool knows now.
func (p *Pool) Memory() Memory {
	out := Memory{At: p.last, Backends: make(map[string]Remembered, len(p.members))}
	for i, m := range p.members {
		r := Remembered{Weight: m.weight}
		if i < len(p.capacity.states) && p.capacity.names[i] == m.Name {
			f := &p.capacity.states[i].latency
			r.Log, r.Deviation = f.x, math.Sqrt(f.v)
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
	p.memory, p.recalled = map[string]Remembered{}, now
	age := max(now.Sub(memory.At).Seconds(), 0)
	ejected := 0
	for _, r := range memory.Backends {
		if r.Ejected != nil {
			ejected++
		}
	}
	// Who failed long ago may be well, and a pool that is mostly out is none.
	allowed := max(1, int(p.config.Limits.MaxEjected*float64(len(memory.Backends))))
	forgiven := age > 2*maxDelay.Seconds() || ejected > allowed || ejected == len(memory.Backends)
	for name, r := range memory.Backends {
		if forgiven {
			r.Ejected = nil
		}
		if !(r.Weight >= 0) || math.IsInf(r.Weight, 0) || !isNumber(r.Log) || !isNumber(r.Deviation) {
			continue
		}
		r.Log = min(max(r.Log, -maxLog), maxLog)
		r.Deviation = math.Sqrt(min(r.Deviation*r.Deviation+latencyDrift*latencyDrift*age, firstVariance))
		p.memory[name] = r
	}
	p.capacity.memory = p.memory
	for _, m := range p.members {
		m.recall(p.memory, now)
	}
}

// recall makes a new member what it was before.
func (m *member) recall(memory map[string]Remembered, now time.Time) {
	r, ok := memory[m.Name]
	if !ok || r.Ejected == nil || m.pin > 0 {
		return
	}
	delay := time.Duration(min(max(r.Ejected.DelaySeconds, firstDelay.Seconds()), maxDelay.Seconds()) * float64(time.Second))
	m.ejection = &ejection{
		delay: delay, pulse: firstPulse, next: now.Add(delay),
		failed: r.Ejected.Failed, rest: r.Ejected.Rest,
	}
}
