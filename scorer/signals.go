package scorer

import (
	"math"
	"slices"
	"sort"
	"strings"
	"time"
)

// signals merges what all reporters say of one backend.
type signals struct {
	// one is room for the only reporter that most backends have, beside what a
	// step reads anyway; signals must not be copied.
	one [1]stream
	// streams are sorted by origin, so that the same reports are merged alike
	// whoever came first.
	streams []stream
	// latest is the place of the stream that reported last.
	latest int
	newest time.Time
}

// stream is one origin's reports about one backend: what has come in since the
// last step, and the values of the last window that had any.
type stream struct {
	origin  string
	byProxy bool
	// after is the place of the stream that reported next, the last time that
	// this one did: a guess.
	after int
	at    time.Time

	// held is the newest count of what is in flight, and seen its time.
	held float64
	seen time.Time
	// limit is the newest word on how much may be in flight.
	limit float64

	count       int
	seconds     float64 // of the reports' own intervals
	inFlight    mean
	completed   mean // weighted by interval
	failed      mean
	upgrades    mean
	latency     mean // weighted by completed work
	utilization float64
	served      float64 // with the utilization
	cpu, memory float64
	named       map[string]float64

	last  window
	fresh bool // last was filled by the newest step
}

// window is what one stream said between two steps.
type window struct {
	seconds                     float64
	inFlight                    float64
	completed, failed, upgrades float64
	latency                     float64
}

// mean is a weighted mean that is NaN while empty.
type mean struct{ sum, weight float64 }

func (m *mean) add(value, weight float64) {
	if !math.IsNaN(value) && weight > 0 {
		m.sum += value * weight
		m.weight += weight
	}
}

func (m *mean) take() float64 {
	value := m.sum / m.weight
	*m = mean{}
	return value
}

func (s *signals) observe(r Report) {
	at := s.stream(r.Origin)
	if r.At.Before(at.at) {
		return // an older word never replaces a newer one
	}
	at.byProxy, at.at = r.ByProxy, r.At
	if r.At.After(s.newest) {
		s.newest = r.At
	}
	seconds := r.Interval.Seconds()
	weight := seconds
	if weight <= 0 {
		weight = 1
	}
	if !math.IsNaN(r.InFlight) {
		at.held, at.seen = r.InFlight, r.At
	}
	at.limit = r.Limit
	at.count++
	at.seconds += seconds
	at.inFlight.add(r.InFlight, 1)
	at.completed.add(r.RPS, weight)
	at.failed.add(r.EPS, weight)
	at.upgrades.add(r.Upgrades, weight)
	if !math.IsNaN(r.RPS) {
		at.latency.add(r.Latency, r.RPS*weight)
	} else {
		at.latency.add(r.Latency, weight)
	}
	at.served = r.served()
	at.utilization, at.cpu, at.memory, at.named = r.Utilization, r.CPU, r.Memory, r.Named
}

// served is what a backend has completed by its own count, without errors; a proxy
// sees a part of it only.
func (r *Report) served() float64 {
	switch {
	case r.ByProxy:
		return math.NaN()
	case math.IsNaN(r.EPS):
		return r.RPS
	default:
		return r.RPS - r.EPS
	}
}

// stream is the one of an origin. Reporters keep to their periods, and so mostly
// to their order: of a hundred that report in turn each is found at once.
func (s *signals) stream(origin string) *stream {
	if s.latest < len(s.streams) {
		if next := s.streams[s.latest].after; next < len(s.streams) && s.streams[next].origin == origin {
			s.latest = next
			return &s.streams[next]
		}
	}
	place := s.place(origin)
	if s.latest < len(s.streams) {
		s.streams[s.latest].after = place
	}
	s.latest = place
	return &s.streams[place]
}

// place is where an origin's stream is, which is made if there is none.
func (s *signals) place(origin string) int {
	place, found := sort.Find(len(s.streams), func(i int) int {
		return strings.Compare(origin, s.streams[i].origin)
	})
	if found {
		return place
	}
	if s.streams == nil {
		s.streams = s.one[:0]
	}
	nan := math.NaN()
	s.streams = slices.Insert(s.streams, place, stream{
		origin: origin, held: nan, limit: nan, utilization: nan, cpu: nan, memory: nan,
		last: window{0, nan, nan, nan, nan, nan},
	})
	return place
}

// age is the age of the newest report, negative without any.
func (s *signals) age(now time.Time) time.Duration {
	if s.newest.IsZero() {
		return -1
	}
	return max(now.Sub(s.newest), 0)
}

// inFlightBy is what the reporters of a target counted in their last windows, 0
// when unknown. See [InForce.Origin].
func (s *signals) inFlightBy(origin string) float64 {
	sum := 0.0
	for i := range s.streams {
		if at := &s.streams[i]; isOf(at.origin, origin) && isNumber(at.last.inFlight) {
			sum += at.last.inFlight
		}
	}
	return sum
}

// heardBy is whether a reporter of a target has said anything since then.
func (s *signals) heardBy(origin string, since time.Time) bool {
	return slices.ContainsFunc(s.streams, func(at stream) bool { return isOf(at.origin, origin) && !at.at.Before(since) })
}

// isOf is whether a reporter is one of a target's, see [InForce.Origin].
func isOf(reporter, target string) bool {
	beginning, many := strings.CutSuffix(target, "*")
	return reporter == target || many && strings.HasPrefix(reporter, beginning)
}

// forget drops reporters that were last heard of before then.
func (s *signals) forget(then time.Time) {
	for i := range s.streams {
		if s.streams[i].at.Before(then) {
			s.streams = slices.DeleteFunc(s.streams, func(at stream) bool { return at.at.Before(then) })
			return
		}
	}
}

// merged is all reporters' word on one backend.
type merged struct {
	// proxies is how many proxies reported lately.
	proxies int
	// seconds is the time that the counts were taken over; 0 when nothing came
	// in since the last step, and the counts are then repeated from before.
	seconds                     float64
	inFlight                    float64
	completed, failed, upgrades float64
	latency                     float64
	// held is what was in flight at the newest moment that all who count were heard
	// of, and seen that moment.
	held float64
	seen time.Time
	// limit is how much all proxies together let be in flight, NaN where one has no
	// limit.
	limit                    float64
	utilization, cpu, memory float64
	served                   float64 // see Observation.Served
	reported                 bool    // utilization came with a report since the last step
	named                    map[string]float64
}

// nothingKnown is a word that says nothing.
func nothingKnown() merged {
	nan := math.NaN()
	return merged{
		inFlight: nan, held: nan, limit: nan, completed: nan, failed: nan, upgrades: nan, latency: nan,
		utilization: nan, cpu: nan, memory: nan, served: nan,
	}
}

// close ends the window and merges the streams that are younger than limit into
// out. Proxies' counts add up; without any proxy, a backend's own counts stand.
func (s *signals) close(now time.Time, limit time.Duration, out *merged) {
	*out = nothingKnown()
	if len(s.streams) > 1 {
		s.forget(now.Add(-10 * limit))
	}
	own := 0
	for i := range s.streams {
		at := &s.streams[i]
		at.closeWindow()
		if now.Sub(at.at) > limit {
			continue
		}
		if at.byProxy {
			if out.proxies == 0 {
				out.limit = 0
			}
			out.limit += at.limit
			out.proxies++
			out.addCounts(at)
		} else {
			own++
		}
		out.takeOwnWord(at)
	}
	if out.proxies > 0 || own == 0 {
		return
	}
	for i := range s.streams {
		if at := &s.streams[i]; now.Sub(at.at) <= limit {
			out.addCounts(at)
		}
	}
}

// closeWindow makes what has come in the last window; without anything the one
// before stands.
func (at *stream) closeWindow() {
	at.fresh = at.count > 0
	if !at.fresh {
		return
	}
	at.last = window{
		at.seconds, at.inFlight.take(), at.completed.take(), at.failed.take(),
		at.upgrades.take(), at.latency.take(),
	}
	at.count, at.seconds = 0, 0
}

func (m *merged) addCounts(at *stream) {
	w := at.last
	m.latency = blend(m.latency, m.completed, w.latency, w.completed)
	m.inFlight = plus(m.inFlight, w.inFlight)
	if !math.IsNaN(at.held) {
		if math.IsNaN(m.held) || at.seen.Before(m.seen) {
			m.seen = at.seen
		}
		m.held = plus(m.held, at.held)
	}
	m.completed = plus(m.completed, w.completed)
	m.failed = plus(m.failed, w.failed)
	m.upgrades = plus(m.upgrades, w.upgrades)
	if at.fresh {
		seconds := w.seconds
		if seconds <= 0 {
			seconds = 1
		}
		m.seconds = max(m.seconds, seconds)
	}
}

func (m *merged) takeOwnWord(at *stream) {
	utilization := at.utilization
	if math.IsNaN(utilization) {
		utilization = at.cpu
	}
	if !math.IsNaN(utilization) {
		m.utilization = utilization
		m.served = at.served
		m.reported = m.reported || at.fresh
	}
	if !math.IsNaN(at.cpu) {
		m.cpu = at.cpu
	}
	if !math.IsNaN(at.memory) {
		m.memory = at.memory
	}
	if at.named != nil && m.named == nil {
		m.named = at.named
	}
}

// plus adds, an absent value counting as nothing unless both are absent.
func plus(a, b float64) float64 {
	switch {
	case math.IsNaN(a):
		return b
	case math.IsNaN(b):
		return a
	default:
		return a + b
	}
}

// blend is the mean of two means by their weights.
func blend(a, weightA, b, weightB float64) float64 {
	switch {
	case math.IsNaN(a) || !(weightA > 0):
		return b
	case math.IsNaN(b) || !(weightB > 0):
		return a
	default:
		return (a*weightA + b*weightB) / (weightA + weightB)
	}
}
