package compile

import (
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// pools are those of an expanded file, nil where it names none. What is before
// them is left open where the file says it for all: the scenario may be judged
// behind others.
func pools(f scenario.File) []simulate.Pool {
	places := make(map[string]int, len(f.Backends))
	for i, b := range f.Backends {
		places[b.Name] = i
	}
	var out []simulate.Pool
	for _, p := range f.Pools {
		pool := simulate.Pool{Name: p.Name, Proxies: p.Proxies}
		if proxy := Proxy(*p.Proxy); proxy.String() != Proxy(f.Proxy).String() {
			pool.Proxy = &proxy
		}
		for _, m := range p.Backends {
			pool.Members = append(pool.Members, simulate.Member{Backend: places[m.Name], Weight: m.Weight})
		}
		out = append(out, pool)
	}
	return out
}

// poolOf is the index of the pool that traffic goes to.
func poolOf(f scenario.File, t scenario.Traffic) int {
	return max(slices.IndexFunc(f.Pools, func(p scenario.Pool) bool { return p.Name == t.Pool() }), 0)
}

// Behind names the proxies of all pools of a file.
func Behind(f scenario.File) string {
	s := simulate.Scenario{Pools: pools(f.Expand())}
	return s.Behind(Proxy(f.Proxy))
}
