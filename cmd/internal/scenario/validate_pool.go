package scenario

import (
	"maps"
	"slices"
	"strings"
)

// pools checks that every backend and all traffic is somewhere, and nothing twice.
// known are the names of backends, nil when there are too many to go on with.
func (v *validator) pools(f File, known map[string]Backend) {
	if len(f.Pools) > MaxPools {
		v.wrong("pools", "", "are %d pools, at most %d are possible", len(f.Pools), MaxPools)
		return
	}
	before := len(v.problems)
	names := make([]string, len(f.Pools))
	used := map[string]bool{}
	for i, p := range f.Pools {
		path := at("pools", i)
		if slices.Contains(names[:i], p.Name) && v.sound(path+".name") {
			v.wrong(path+".name", "", "%q is the name of another pool, too", p.Name)
		}
		names[i] = p.Name
		if p.Proxy != nil {
			v.proxy(path+".proxy", *p.Proxy)
		}
		v.members(path+".backends", p, f.groups(), known, used)
	}
	if !v.intact("pools") || len(v.problems) > before {
		return // what follows would be the same mistakes once more
	}
	v.trafficToPools(f, names)
	if len(f.Pools) == 0 || !v.intact("backends") {
		return
	}
	for i, b := range f.Backends {
		if slices.ContainsFunc(b.names(), func(name string) bool { return !used[name] }) {
			v.wrong(at("backends", i), "add it to one, or remove it", "%s is in no pool", b.Name)
		}
	}
}

// members checks one pool's, and notes in used which backends they are.
func (v *validator) members(path string, p Pool, groups map[string][]string, known map[string]Backend, used map[string]bool) {
	if v.given(path) && len(p.Backends) == 0 {
		v.wrong(path, "remove the key for all backends", "is empty")
		return
	}
	if len(p.Backends) == 0 {
		for name := range known {
			used[name] = true
		}
	}
	here := map[string]bool{}
	for i, m := range p.Backends {
		name := at(path, i)
		if v.given(name + ".name") {
			name += ".name"
		}
		if _, ok := known[m.Name]; !ok && known != nil {
			v.wrong(name, didYouMean(m.Name, slices.Sorted(maps.Keys(known))), "unknown backend %q", m.Name)
			continue
		}
		all, isGroup := groups[m.Name]
		if !isGroup {
			all = []string{m.Name}
		}
		for _, one := range all {
			if here[one] {
				v.wrong(name, "remove one of the two", "%s is in the pool already", one)
				break
			}
			here[one], used[one] = true, true
		}
	}
}

// trafficToPools checks that traffic goes to the pools there are, and to each of
// them. Where none are listed, its names make them.
func (v *validator) trafficToPools(f File, listed []string) {
	known := listed
	if len(known) == 0 {
		known = f.namedByTraffic()
	}
	if len(known) > MaxPools {
		v.wrong("traffic", "", "goes to %d pools, at most %d are possible", len(known), MaxPools)
		return
	}
	before := len(v.problems)
	for i, t := range f.Traffic {
		path := at("traffic", i) + ".pool"
		switch name := t.Pool(); {
		case len(known) == 0 || t == (Traffic{}):
		case name == "":
			v.wrong(path, "known: "+strings.Join(known, ", "), "is missing")
		case !slices.Contains(known, name):
			v.wrong(path, didYouMean(name, known), "unknown pool %q", name)
		}
	}
	if !v.intact("traffic") || len(v.problems) > before {
		return
	}
	named := f.namedByTraffic()
	for i, name := range listed {
		if !slices.Contains(named, name) {
			v.wrong(at("pools", i), "remove it, or write pool: "+name+" where its traffic is", "%s has no traffic", name)
		}
	}
}
