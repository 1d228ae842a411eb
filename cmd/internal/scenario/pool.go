package scenario

import "slices"

// MaxPools is how many pools a file may have.
const MaxPools = 100

// Pool is backends that serve one thing, behind proxies of their own. Pools that
// share a backend share its cores and know nothing of each other: what one has in
// flight there no proxy of another counts, while the backend reports itself as a
// whole to all of them.
type Pool struct {
	// Name is unique in the file: traffic says by it where it goes. Required.
	Name string `yaml:"name" required:"yes"`
	// Backends are those of the pool. Default: all.
	Backends []Member `yaml:"backends"`
	// Proxies is how many proxies the pool has. 1 to 1000, default: as many as the
	// file says.
	Proxies int `yaml:"proxies" min:"1" max:"1000"`
	// Proxy is what they are, nothing of the file's taken over. Default: the
	// file's.
	Proxy *Proxy `yaml:"proxy"`
}

// Member is a backend in a pool. In a file, a name alone is enough.
type Member struct {
	// Name is that of one backend, or of an entry with a count for all of them.
	// Required.
	Name string `yaml:"name" required:"yes" bare:"yes"`
	// Weight is the weight that is configured in this pool. Events that change the
	// backend's change this one by the same factor. Above 0, at most 256, default:
	// the backend's.
	Weight float64 `yaml:"weight" above:"0" max:"256"`
}

// Pool is the name of the pool that the traffic goes to, empty for the only one of
// a file that names none.
func (t Traffic) Pool() string {
	switch {
	case t.Requests != nil:
		return t.Requests.Pool
	case t.WebSockets != nil:
		return t.WebSockets.Pool
	default:
		return ""
	}
}

// Behind is the same scenario with that proxy before all of its pools.
func (f File) Behind(p Proxy) File {
	f.Proxy = p
	f.Pools = slices.Clone(f.Pools)
	for i := range f.Pools {
		f.Pools[i].Proxy = nil
	}
	return f
}

// NominalOf is [File.Nominal] of a pool's backends; without a name, of all.
func (f File) NominalOf(pool string) float64 {
	if pool == "" {
		return f.Nominal()
	}
	capacities := map[string]float64{}
	for _, b := range f.Backends {
		for _, name := range b.names() {
			capacities[name] = b.Cores * b.Speed
		}
	}
	sum := 0.0
	for _, p := range f.pools() {
		if p.Name != pool {
			continue
		}
		for _, m := range p.Backends {
			sum += capacities[m.Name]
		}
	}
	return sum
}

// pools writes out what the file says of pools in short, or leaves to its traffic
// to say: each with all its backends by name, their weights where the pool has its
// own, its proxies and what they are.
func (f File) pools() []Pool {
	out := slices.Clone(f.Pools)
	if len(out) == 0 {
		for _, name := range f.namedByTraffic() {
			out = append(out, Pool{Name: name})
		}
	}
	groups := f.groups()
	for i := range out {
		p := &out[i]
		p.Backends = expandMembers(p.Backends, f.Backends, groups)
		if p.Proxies == 0 {
			p.Proxies = f.Proxies
		}
		if p.Proxy == nil {
			p.Proxy = &f.Proxy
		}
	}
	return out
}

// namedByTraffic lists the pools that traffic names, in order.
func (f File) namedByTraffic() []string {
	var out []string
	for _, t := range f.Traffic {
		if name := t.Pool(); name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// expandMembers writes out groups; no members are all backends.
func expandMembers(members []Member, all []Backend, groups map[string][]string) []Member {
	var out []Member
	if len(members) == 0 {
		for _, b := range all {
			members = append(members, Member{Name: b.Name})
		}
	}
	for _, m := range members {
		names, isGroup := groups[m.Name]
		if !isGroup {
			names = []string{m.Name}
		}
		for _, name := range names {
			out = append(out, Member{Name: name, Weight: m.Weight})
		}
	}
	return out
}
