package haproxy

import (
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// counts are one server's counters at one time.
type counts struct {
	at time.Time

	open, queued  int64
	limit         int64
	started       int64
	finished      int64 // started and no longer open
	failures      failureCounts
	responses     int64 // final ones: 2xx to 5xx and other
	informational int64 // 1xx, of which 101 is a connection that was upgraded
	requests      int64
	responseTime  float64 // seconds, NaN before the first
	opaque        bool    // mode tcp: HAProxy does not see requests
}

// failureCounts are the counters that hold failed work, not free of overlaps.
type failureCounts struct {
	serverErrors, connect, response, retries, redispatches, serverAborts, clientAborts int64
}

func countsOf(r *row, at time.Time) counts {
	c := counts{
		at: at, open: r.sessions, queued: r.queued, limit: r.limit,
		started: r.total, finished: r.total - r.sessions,
		failures: failureCounts{
			serverErrors: r.responses[4], connect: r.connectErrors, response: r.responseErrors,
			retries: r.retries, redispatches: r.redispatches,
			serverAborts: r.serverAborts, clientAborts: r.clientAborts,
		},
		informational: r.responses[0], requests: r.requests,
		opaque: r.mode == "tcp", responseTime: math.NaN(),
	}
	for _, n := range r.responses[1:] {
		c.responses += n
	}
	switch {
	case r.responseTime > 0:
		c.responseTime = float64(r.responseTime) / 1000
	case r.totalTime > 0:
		c.responseTime = float64(r.totalTime) / 1000
	}
	return c
}

// failed is the work between two counts that failed, where so much has finished. Some
// of it may not have: a response is counted when it begins.
//
// HAProxy counts each attempt at a server as a session of it. One that is
// refused and retried elsewhere counts as a redispatch, one that is retried in
// place as a retry, and one that is both as both; the last attempt is a
// connection error. A server that breaks off before a response is a response
// error, from 3.0 on often counted twice, so that no more of those are believed
// than there is work without a response, but at least half of them: a response
// is counted when it begins and its work when it ends. A response that breaks
// off later has been counted as a response.
func (c *counts) failed(before *counts, finished int64) int64 {
	d := func(now, then int64) int64 { return max(now-then, 0) }
	f, b := &c.failures, &before.failures
	attempts := d(f.connect, b.connect) + max(d(f.retries, b.retries), d(f.redispatches, b.redispatches))
	silent := finished - d(c.responses, before.responses) - attempts - d(f.clientAborts, b.clientAborts)
	response := d(f.response, b.response)
	broken := min(max(silent+d(f.serverAborts, b.serverAborts), (response+1)/2), response)
	return d(f.serverErrors, b.serverErrors) + attempts + broken
}

// history is what is remembered of one server from poll to poll.
type history struct {
	first    beginnings
	last     counts
	upgraded int64
	// ahead is how many failures were counted of work that is still open.
	ahead int64
	known bool
	// owed is what old workers have done for the server and no report has said.
	owed progress
}

// beginnings is what the first counts had.
type beginnings struct{ started, requests, informational int64 }

// progress is what was done between two counts.
type progress struct {
	interval                   time.Duration
	finished, failed, upgrades int64
}

// include adds what another process has done meanwhile: the interval stays.
func (p *progress) include(other progress) {
	p.finished += other.finished
	p.failed += other.failed
	p.upgrades += other.upgrades
}

// advance takes in newer counts and returns what was done since the last ones.
// There is no telling for the first counts and after the counters have gone
// back (a reload, "clear counters").
func (h *history) advance(now counts) (done progress, ok bool) {
	before := h.last
	if !h.known || now.started < before.started || now.requests < before.requests {
		*h = history{
			first: beginnings{now.started, now.requests, now.informational},
			last:  now, known: true, owed: h.owed,
		}
		return progress{}, false
	}
	interval := now.at.Sub(before.at)
	if interval <= 0 {
		return progress{}, false
	}
	// A session may be over before the one that replaced it is counted.
	finished := max(now.finished-before.finished, 0)
	failed := h.ahead + now.failed(&before, finished)
	h.ahead = min(max(failed-finished, 0), now.open)
	done = progress{interval, finished, min(failed, finished), h.upgrades(&now, finished)}
	h.last = now
	return done, true
}

// report makes a report of the counts since the last ones and of what old
// workers have of the same server; without rates where there is no telling.
func (h *history) report(name, origin string, now counts, old inheritance) scorer.Report {
	r := scorer.NewReport(name, origin, now.at)
	r.ByProxy = true
	r.InFlight = float64(now.open + now.queued + old.inFlight)
	if now.limit > 0 {
		r.Limit = float64(now.limit)
	}
	r.Latency = now.responseTime
	h.owed.include(old.done)
	if done, ok := h.advance(now); ok {
		done.include(h.owed)
		h.owed = progress{}
		seconds := done.interval.Seconds()
		r.Interval = done.interval
		r.RPS = float64(done.finished) / seconds
		r.EPS = float64(done.failed) / seconds
		r.Upgrades = float64(done.upgrades) / seconds
	}
	return r
}

// upgrades is how many connections became streams since the last counts. 1xx
// also counts early hints; those leave more responses than sessions behind, and
// that can be told only from the beginning on, as a response comes after its
// session.
func (h *history) upgrades(now *counts, finished int64) int64 {
	if now.opaque {
		return finished
	}
	hints := max((now.requests-h.first.requests)-(now.started-h.first.started), 0)
	upgraded := max(now.informational-h.first.informational-hints, h.upgraded)
	since := upgraded - h.upgraded
	h.upgraded = upgraded
	return since
}
