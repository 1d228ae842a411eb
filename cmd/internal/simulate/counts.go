package simulate

import (
	"math"
	"time"
)

// counts is what the proxies know of the backends.
type counts struct {
	backends int
	// atOnce is that a connection counts as completed when it opens and is no
	// stream to the proxy, as with Envoy.
	atOnce  bool
	proxies []proxyCounts
	samples []Sample // one proxy's, reused
	sums    []windowCounts
}

// proxyCounts is what one proxy knows: its requests in flight, and what ended
// since the last sample.
type proxyCounts struct {
	inFlight []int32
	window   []windowCounts
	// responses are HAProxy's mean response times.
	responses []responseTime
}

type windowCounts struct {
	completed, failed int
	upgrades          int
	inFlight          int // the sum of the samples
	samples           int
}

func newCounts(proxies, backends int, atOnce bool) counts {
	c := counts{
		backends: backends, atOnce: atOnce, proxies: make([]proxyCounts, proxies),
		samples: make([]Sample, backends), sums: make([]windowCounts, backends),
	}
	for i := range c.proxies {
		c.proxies[i] = proxyCounts{inFlight: make([]int32, backends), window: make([]windowCounts, backends), responses: make([]responseTime, backends)}
	}
	return c
}

func (c *counts) proxy(i int) *proxyCounts { return &c.proxies[i] }

func (c *counts) start(proxy, backend int) { c.proxies[proxy].inFlight[backend]++ }

func (c *counts) end(proxy, backend int, seconds float64, failed bool) {
	p := &c.proxies[proxy]
	p.inFlight[backend]--
	p.responses[backend].add(seconds)
	w := &p.window[backend]
	w.completed++
	if failed {
		w.failed++
	}
}

// connect opens a long-lived connection, disconnect ends it. HAProxy counts it as
// upgraded when it opens and as completed when it ends; Envoy as completed when
// it opens.
func (c *counts) connect(proxy, backend int) {
	c.start(proxy, backend)
	if w := &c.proxies[proxy].window[backend]; c.atOnce {
		w.completed++
	} else {
		w.upgrades++
	}
}

func (c *counts) disconnect(proxy, backend int) {
	if c.atOnce {
		c.proxies[proxy].inFlight[backend]--
		return
	}
	c.end(proxy, backend, 0, false) // its handshake took no time
}

// inFlight is what all proxies have on a backend.
func (c *counts) inFlight(backend int) float64 {
	sum := int32(0)
	for i := range c.proxies {
		sum += c.proxies[i].inFlight[backend]
	}
	return float64(sum)
}

// sample closes every proxy's window, tells an observer of it and adds it to
// the sums.
func (c *counts) sample(now time.Duration, conditions []Condition, reports []Load, to Controller) {
	observer, _ := to.(ProxyObserver)
	for k := range c.proxies {
		p := &c.proxies[k]
		for i := range p.window {
			w := &p.window[i]
			w.inFlight, w.samples = int(p.inFlight[i]), 1
			c.sums[i].add(w)
			if observer != nil {
				c.samples[i] = w.sample(&conditions[i], noLoad())
				c.samples[i].Latency = p.responses[i].mean()
				if k == 0 {
					c.samples[i].Report = reports[i]
				}
			}
			*w = windowCounts{}
		}
		if observer != nil {
			observer.ObserveProxy(now, k, c.samples)
		}
	}
}

// step returns the sums over all proxies since the last step.
func (c *counts) step(conditions []Condition, reports []Load) []Sample {
	out := make([]Sample, c.backends)
	for i := range out {
		c.sums[i].samples /= len(c.proxies)
		out[i] = c.sums[i].sample(&conditions[i], reports[i])
		c.sums[i] = windowCounts{}
	}
	return out
}

func (w *windowCounts) add(more *windowCounts) {
	w.completed += more.completed
	w.failed += more.failed
	w.upgrades += more.upgrades
	w.inFlight += more.inFlight
	w.samples += more.samples
}

func (w *windowCounts) sample(condition *Condition, report Load) Sample {
	return Sample{
		InFlight:  float64(w.inFlight) / float64(max(w.samples, 1)),
		Completed: w.completed, Failed: w.failed, Upgrades: w.upgrades,
		Latency: math.NaN(),
		Report:  report, Up: !condition.Out(), Present: !condition.Absent,
	}
}

// responseTime is the mean over the newest streams that ended, as in HAProxy's
// statistics (rtime; swrate_add with TIME_STATS_SAMPLES): of a stream that is
// upgraded, it has the handshake. It is told in whole milliseconds.
type responseTime struct {
	value float64
	count int
}

const responseTimes = 512

func (r *responseTime) add(seconds float64) {
	r.count = min(r.count+1, responseTimes)
	r.value += (seconds - r.value) / float64(r.count)
}

func (r *responseTime) mean() float64 {
	if r.count == 0 {
		return math.NaN()
	}
	return math.Floor(r.value*1000) / 1000
}
