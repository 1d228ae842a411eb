package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// validator finds what the decoder cannot see: values that do not go together.
type validator struct{ *decoder }

// wrong reports a value that could be read and is impossible. What has been
// reported already, or is within something that has, is not reported again.
func (v *validator) wrong(path, hint, format string, args ...any) {
	at, found := place{1, 1}, false
	for p := path; ; p = parent(p) {
		if v.broken[p] {
			return
		}
		if where, ok := v.places[p]; ok && !found {
			at, found = where, true
		}
		if p == "" {
			break
		}
	}
	v.report(at, path, hint, format, args...)
}

// given tells whether the file mentions the path.
func (v *validator) given(path string) bool {
	_, ok := v.places[path]
	return ok
}

// sound tells whether all of these could be read.
func (v *validator) sound(paths ...string) bool {
	for _, p := range paths {
		if v.broken[p] {
			return false
		}
	}
	return true
}

// intact tells whether nothing in what the path leads to is broken.
func (v *validator) intact(path string) bool {
	for p := range v.broken {
		if rest, within := strings.CutPrefix(p, path); within && (rest == "" || rest[0] == '.' || rest[0] == '[') {
			return false
		}
	}
	return true
}

func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

func at(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

func (v *validator) file(f File) {
	v.proxy("proxy", f.Proxy)
	known := v.backends(f)
	v.pools(f, known)
	v.trafficOf(f)
	if v.sound("duration", "warmup") {
		v.timesOf(f)
	}
	v.events(f, known)
	if f.Shed != nil && v.sound("shed.start_above", "shed.stop_below") && f.Shed.StopBelow > f.Shed.StartAbove {
		v.wrong("shed.stop_below", "", "must be at most start_above, %g, is %g", f.Shed.StartAbove, f.Shed.StopBelow)
	}
	first := map[Policy]bool{}
	for i, p := range f.Policies {
		if first[p] {
			v.wrong(at("policies", i), "remove it", "%s is listed twice", p)
		}
		first[p] = true
	}
	// This follows all events, which must be sound for it.
	if len(v.problems) == 0 {
		v.capable(f)
	}
}

// capable reports a pool that can do no work at any time.
func (v *validator) capable(f File) {
	able := map[string]bool{}
	all := f.Expand()
	for i, timeline := range f.Timelines() {
		able[all.Backends[i].Name] = slices.ContainsFunc(timeline, func(m Moment) bool { return m.At < f.End() && m.Capacity() > 0 })
	}
	const why = "there is no capacity at any time: nothing could be served"
	if !slices.ContainsFunc(all.Backends, func(b Backend) bool { return able[b.Name] }) {
		v.wrong("backends", "", why)
		return
	}
	for i, p := range all.Pools {
		if !slices.ContainsFunc(p.Backends, func(m Member) bool { return able[m.Name] }) {
			v.wrong(at("pools", i), "", why)
		}
	}
}

func (v *validator) proxy(path string, p Proxy) {
	haproxyOnly := p.Balance == Roundrobin || p.Balance == Leastconn || p.Balance == RandomTwo
	switch {
	case !v.sound(path+".kind", path+".balance"):
		return
	case p.Kind == Envoy && haproxyOnly:
		v.wrong(path+".balance", "known: least_request, round_robin", "Envoy has no %s", p.Balance)
		return
	case p.Kind == HAProxy && p.Balance != "" && !haproxyOnly:
		v.wrong(path+".balance", "known: roundrobin, leastconn, random(2)", "HAProxy has no %s", p.Balance)
		return
	}
	for _, key := range []string{"choice_count", "bias", "full_scan", "workers"} {
		path := path + "." + key
		switch {
		case !v.given(path):
		case p.Kind == HAProxy:
			v.wrong(path, "remove it, or write kind: envoy", "means nothing to HAProxy")
		case p.Balance == RoundRobin && key != "workers":
			v.wrong(path, "remove it", "means nothing to round_robin")
		case p.FullScan && key == "choice_count":
			v.wrong(path, "remove it", "means nothing with full_scan")
		}
	}
}

// backends returns the names that events may use, nil if there are too many
// backends to go on with.
func (v *validator) backends(f File) map[string]Backend {
	known := map[string]Backend{}
	total := 0
	for i, b := range f.Backends {
		path := at("backends", i)
		total += b.Count
		if total > MaxBackends {
			v.wrong(path, "", "makes it more than %d backends", MaxBackends)
			return nil
		}
		names := b.names()
		if b.Count > 1 {
			names = append(names, b.Name)
		}
		for _, name := range names {
			if _, again := known[name]; again && b.Name != "" {
				v.wrong(path+".name", "", "%q is the name of another backend, too", name)
				break
			}
			known[name] = b
		}
		if v.given(path+".leaves_at") && v.sound(path+".leaves_at", path+".joins_at") && b.LeavesAt <= b.JoinsAt {
			v.wrong(path+".leaves_at", "", "must be later than joins_at %s, is %s", short(b.JoinsAt), short(b.LeavesAt))
		}
		if v.sound(path+".cores") && b.NeighbourCores > b.Cores {
			v.wrong(path+".neighbour_cores", "", "must be at most the cores, %g, is %g", b.Cores, b.NeighbourCores)
		}
		if f.Reports == nil && v.sound("reports") {
			for _, key := range []string{"reports", "report_scale", "neighbour_reported"} {
				v.noReports(path + "." + key)
			}
		}
	}
	return known
}

func (v *validator) noReports(path string) {
	if v.given(path) {
		v.wrong(path, "remove it", "means nothing where the file says reports: none")
	}
}

// timesOf checks that what the file says of times lies before its end.
func (v *validator) timesOf(f File) {
	before := func(path string, t time.Duration) {
		if v.given(path) && t >= f.End() {
			v.wrong(path, "", "must be before the end at %s, is %s", short(f.End()), short(t))
		}
	}
	for i, b := range f.Backends {
		before(at("backends", i)+".joins_at", b.JoinsAt)
		before(at("backends", i)+".leaves_at", b.LeavesAt)
	}
	for i, t := range f.Traffic {
		if t.WebSockets != nil {
			before(at("traffic", i)+".connect_at", t.WebSockets.ConnectAt)
			before(at("traffic", i)+".connect_over", t.WebSockets.ConnectAt+t.WebSockets.ConnectOver)
		}
	}
	for i, e := range f.Events {
		before(at("events", i)+".at", e.At)
	}
}

// short writes a time as people do.
func short(d time.Duration) string {
	switch {
	case d%time.Second == 0:
		return fmt.Sprintf("%ds", d/time.Second)
	case d%time.Millisecond == 0 && d.Abs() < 10*time.Second:
		return fmt.Sprintf("%dms", d/time.Millisecond)
	default:
		return d.String()
	}
}
