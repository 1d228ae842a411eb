package agent

import (
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/report"
)

// The names of what an agent reports beyond what a report.Reporter does.
const (
	// namedAcceptQueue is connections that wait to be accepted, namedListening 1
	// while the application takes any.
	namedAcceptQueue = "accept_queue"
	namedListening   = "listening"
	// namedLatency is the mean response time in seconds.
	namedLatency = "latency_seconds"
)

// Load is the backend's load as of now. What the application says itself is
// taken before what is measured from outside.
func (a *Agent) Load() report.Load {
	l := a.reporter.Load()
	// The reporter sees no requests and no connections.
	l.RPS, l.EPS = math.NaN(), math.NaN()
	delete(l.Named, report.NamedInFlight)
	delete(l.Named, report.NamedConnections)
	if s := a.sockets.Load(); s != nil {
		l.Named[report.NamedConnections] = float64(s.Established)
		l.Named[namedAcceptQueue] = float64(s.Waiting)
		l.Named[namedListening] = float64(min(s.Listening, 1))
	}
	if s := a.scraped.Load(); s != nil && time.Since(s.At) <= a.scrapeStale() {
		overlay(&l, *s)
	}
	return l
}

// overlay puts what was scraped over what was measured.
func overlay(l *report.Load, s scorer.Report) {
	for _, one := range []struct {
		to *float64
		v  float64
	}{
		{&l.Utilization, s.Utilization},
		{&l.CPU, s.CPU},
		{&l.Memory, s.Memory},
		{&l.RPS, s.RPS},
		{&l.EPS, s.EPS},
	} {
		if !math.IsNaN(one.v) {
			*one.to = one.v
		}
	}
	if !math.IsNaN(s.InFlight) {
		// Whoever reads both adds them up, and each request in progress is on one of the
		// connections of the port.
		delete(l.Named, report.NamedConnections)
	}
	for name, v := range map[string]float64{report.NamedInFlight: s.InFlight, namedLatency: s.Latency} {
		if !math.IsNaN(v) {
			l.Named[name] = v
		}
	}
	for name, v := range s.Named {
		l.Named[name] = v
	}
}

// scrapeStale is the age at which what was scraped is not taken any more.
func (a *Agent) scrapeStale() time.Duration { return max(3*a.config.ScrapePeriod, 10*time.Second) }
