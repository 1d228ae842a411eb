package report

import (
	"math"
	"time"
)

// measured is what was measured last. It is never changed.
type measured struct {
	at                    time.Time
	cpu, memory, rps, eps float64
}

// sampler measures again and again; one goroutine owns it.
type sampler struct {
	reporter *Reporter

	last                  time.Time
	counts                totals
	cpu, memory, rps, eps average
	failing               bool
}

func (s *sampler) run() {
	ticker := time.NewTicker(s.reporter.options.Interval)
	defer ticker.Stop()
	for {
		select {
		case <-s.reporter.ctx.Done():
			return
		case <-ticker.C:
			s.sample(time.Now())
		}
	}
}

func (s *sampler) sample(now time.Time) {
	r := s.reporter
	elapsed := now.Sub(s.last)
	s.use(now, elapsed)
	if counts := r.counters.read(); elapsed > 0 {
		window := r.options.Window
		s.rps.add(float64(counts.ended-s.counts.ended)/elapsed.Seconds(), elapsed, window)
		s.eps.add(float64(counts.failed-s.counts.failed)/elapsed.Seconds(), elapsed, window)
		s.counts, s.last = counts, now
	}
	r.measured.Store(&measured{now, s.cpu.value(), s.memory.value(), s.rps.value(), s.eps.value()})
	r.connections.watermark(now)
	r.inBand.publish(r)
}

// use measures processor and memory. When that fails, the averages are not known
// any more: an old one would be taken for the present.
func (s *sampler) use(now time.Time, elapsed time.Duration) {
	u, err := s.reporter.options.Meter.Read(now)
	if err != nil {
		s.cpu, s.memory = average{}, average{}
		if !s.failing {
			s.reporter.log.Error("processor and memory are not reported", "error", err)
		}
		s.failing = true
		return
	}
	if s.failing {
		s.reporter.log.Info("processor and memory are reported again")
	}
	s.failing = false
	window := s.reporter.options.Window
	if !math.IsNaN(u.CPU) && elapsed > 0 { // over no time nothing is used
		s.cpu.add(u.CPU, elapsed, window)
	}
	if !math.IsNaN(u.Memory) {
		s.memory.add(u.Memory, max(elapsed, time.Millisecond), window)
	}
}
