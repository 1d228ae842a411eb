package judgement

import (
	"slices"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Later is what the scenarios of a first minute are called where the minutes
// after it are judged.
const Later = ", minutes 2 to 5"

// The scenarios that judge the first minute, with nothing learned: of light
// tails and of heavy ones.
const (
	firstLight = "boot60"
	firstHeavy = "boot-video"
)

// FirstMinute names the scenarios that judge the first minute.
func FirstMinute() []string { return []string{firstLight, firstHeavy} }

// late has reports that are later than the disturbance lasts.
func late(e *Entry) bool { return named("antagonist-late")(e) }

// outOrCold has a backend that is out or cold for a while.
func outOrCold(e *Entry) bool {
	return named("cold-caches", "envoy-scale-out", "flapping", "joins-and-restarts", "restart", "rolling-restart",
		"scale-out", "scale-out-bigger")(e)
}

func failsFast(e *Entry) bool { return named("envoy-fail-fast", "fail-fast", "fail-fast-30s")(e) }

// halved loses half of a server.
func halved(e *Entry) bool { return named("step-cores")(e) }

// first and later judge the first minute and those after it.
func first(e *Entry) bool { return named(FirstMinute()...)(e) }

func later(e *Entry) bool { return named(firstLight+Later, firstHeavy+Later)(e) }

// roundRobin has a proxy without feedback of its own, before one of its pools at
// least.
func roundRobin(e *Entry) bool {
	return slices.ContainsFunc(strings.Split(e.Proxy, simulate.And), func(p string) bool {
		return p == "haproxy/roundrobin" || p == "envoy/round_robin"
	})
}

func named(names ...string) func(*Entry) bool {
	return func(e *Entry) bool { return slices.Contains(names, e.Scenario) }
}

func not(f func(*Entry) bool) func(*Entry) bool {
	return func(e *Entry) bool { return !f(e) }
}

func own(e *Entry) bool { return !e.Instead }

func drawn(e *Entry) bool { return e.Drawn }

func behind(proxies ...string) func(*Entry) bool {
	return func(e *Entry) bool { return slices.Contains(proxies, e.Proxy) }
}

func reported(e *Entry) bool { return e.File.Reports != nil }

// usual are the scenarios of requests whose regret is asked for: those of
// connections are another measure, and those that rows of their own are about
// by name.
func usual(e *Entry) bool { return !e.connections() && !late(e) && !first(e) && !later(e) }

// honest is that backends report, and what they report is so.
func honest(e *Entry) bool {
	if !reported(e) {
		return false
	}
	f := e.File.Expand()
	for _, b := range f.Backends {
		if lies(&b.Reports, &b.ReportScale) || hides(b, f.Events) {
			return false
		}
	}
	return !slices.ContainsFunc(f.Events, func(o scenario.Event) bool { return lies(o.Reports, o.ReportScale) })
}

func lies(r *scenario.Reporting, scale *float64) bool {
	return r != nil && *r != scenario.ReportsOK && *r != scenario.ReportsStop || scale != nil && *scale != 1
}

// hides is that a backend has a neighbour at some time that is not in its reports, by
// events in order of time.
func hides(b scenario.Backend, events []scenario.Event) bool {
	cores, told := b.NeighbourCores, b.NeighbourReported
	hidden := cores > 0 && !told
	for _, o := range events {
		if o.Backend != b.Name {
			continue
		}
		if o.NeighbourCores != nil {
			cores = *o.NeighbourCores
		}
		if o.NeighbourReported != nil {
			told = *o.NeighbourReported
		}
		hidden = hidden || cores > 0 && !told
	}
	return hidden
}
