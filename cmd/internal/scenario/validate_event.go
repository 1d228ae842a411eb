package scenario

import (
	"maps"
	"slices"
)

func (v *validator) events(f File, known map[string]Backend) {
	if known == nil {
		return
	}
	total := 0
	usable := make([]bool, len(f.Events))
	for i, e := range f.Events {
		path := at("events", i)
		b, ok := known[e.Backend]
		switch {
		case !v.sound(path, path+".at", path+".backend", path+".every", path+".until"):
			continue
		case !ok:
			v.wrong(path+".backend", didYouMean(e.Backend, slices.Sorted(maps.Keys(known))), "unknown backend %q", e.Backend)
			continue
		case b.LeavesAt > 0 && e.At >= b.LeavesAt:
			v.wrong(path+".at", "", "is %s, when %s has left already", short(e.At), e.Backend)
		case e.Restart == nil && e.Cold == nil && e.Change == (Change{}):
			v.wrong(path, "say what changes", "changes nothing")
		}
		v.repetition(path, e)
		if f.Reports == nil && v.sound("reports") {
			for _, key := range []string{"reports", "report_scale", "neighbour_reported"} {
				v.noReports(path + "." + key)
			}
		}
		each := 1
		if e.Backend == b.Name {
			each = max(b.Count, 1)
		}
		total += e.repetitions(f.End()) * each
		if total > MaxEvents {
			v.wrong(path, "", "makes it more than %d events", MaxEvents)
			return
		}
		usable[i] = true
	}
	v.neighbours(f, usable)
}

func (v *validator) repetition(path string, e Event) {
	switch {
	case !v.given(path + ".until"):
	case !v.given(path + ".every"):
		v.wrong(path+".until", "give every, or remove it", "means nothing without every")
	case e.Until <= e.At:
		v.wrong(path+".until", "", "must be later than at %s, is %s", short(e.At), short(e.Until))
	}
}

// neighbours checks that no neighbour takes more cores than there are at that
// time. Events decide that together, so it follows them in order.
func (v *validator) neighbours(f File, usable []bool) {
	events := map[string][]occurrence{}
	for _, o := range f.occurrences() {
		if usable[o.origin] && (o.Cores != nil || o.NeighbourCores != nil) {
			events[o.Backend] = append(events[o.Backend], o)
		}
	}
	reported := map[int]bool{}
	for _, b := range f.Expand().Backends {
		now, all := b.Settings, events[b.Name]
		for i, o := range all {
			now = o.apply(now)
			last := i+1 == len(all) || all[i+1].At > o.At
			if last && now.NeighbourCores > now.Cores && !reported[o.origin] {
				reported[o.origin] = true
				v.wrong(at("events", o.origin), "", "leaves %s with %g cores, of which a neighbour uses %g", b.Name, now.Cores, now.NeighbourCores)
			}
		}
	}
}
