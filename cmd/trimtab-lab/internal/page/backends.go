package page

import (
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// mostLines is how many backends are told apart by colour. More are drawn as the
// groups that the file has them in, each a mean within a band.
const mostLines = 12

// linesOf numbers backends as a [simulate.Series] has them.
func linesOf(c Chart) lines {
	singles, groups, whole := lines{}, lines{bands: true}, lines{bands: true}
	entries, at := entriesOf(c.File), 0
	for _, p := range poolsOf(c.File) {
		prefix := ""
		if p.Name != "" {
			prefix = p.Name + ": "
		}
		var all, alike []int
		for i, m := range p.Backends {
			b := entries[m.Name]
			singles.add(fmt.Sprintf("%s%s (%g cores%s)", prefix, m.Name, b.Cores, speedOf(b)), at)
			alike = append(alike, at)
			if i+1 == len(p.Backends) || entries[p.Backends[i+1].Name].Name != b.Name {
				groups.add(prefix+groupName(b, len(alike)), alike...)
				alike = nil
			}
			all = append(all, at)
			at++
		}
		singles.pools = append(singles.pools, all)
		whole.add(fmt.Sprintf("%sall %d backends", prefix, len(all)), all...)
	}
	groups.pools, whole.pools = singles.pools, singles.pools
	switch {
	case at <= mostLines:
		return singles
	case len(groups.names) <= mostLines:
		return groups
	default:
		return whole
	}
}

func (l *lines) add(name string, backends ...int) {
	l.names, l.members = append(l.names, name), append(l.members, backends)
}

// poolsOf are a file's, or one without a name.
func poolsOf(f scenario.File) []scenario.Pool {
	f = f.Expand()
	if f.Pools != nil {
		return f.Pools
	}
	var one scenario.Pool
	for _, b := range f.Backends {
		one.Backends = append(one.Backends, scenario.Member{Name: b.Name})
	}
	return []scenario.Pool{one}
}

// entriesOf has the entry of the file that each backend is from, by its name.
func entriesOf(f scenario.File) map[string]scenario.Backend {
	out := map[string]scenario.Backend{}
	names := f.Expand().Backends
	for _, b := range f.Backends {
		for range max(b.Count, 1) {
			out[names[0].Name] = b
			names = names[1:]
		}
	}
	return out
}

func groupName(b scenario.Backend, n int) string {
	if n == 1 {
		return fmt.Sprintf("%s (%g cores%s)", b.Name, b.Cores, speedOf(b))
	}
	return fmt.Sprintf("%s × %d (%g cores%s each)", b.Name, n, b.Cores, speedOf(b))
}

func speedOf(b scenario.Backend) string {
	if b.Speed == 1 {
		return ""
	}
	return fmt.Sprintf(" × %g", b.Speed)
}
