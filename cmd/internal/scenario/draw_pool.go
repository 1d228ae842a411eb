package scenario

import (
	"math"
	"slices"
	"time"
)

// mostGroups is how many sorts of backends a drawn pool has at most.
const mostGroups = 5

// backends draws 2 to 100 of them, small pools more often than large ones, in a
// few groups of alike ones.
func (d drawer) backends(reporting bool) []Backend {
	total := int(math.Round(2 * math.Pow(50, math.Pow(d.Float64(), 1.7))))
	groups := 1 + d.IntN(min(total, mostGroups))
	sizes := make([]int, groups)
	for i := range total {
		g := i
		if g >= groups {
			g = d.IntN(groups)
		}
		sizes[g]++
	}
	cores := []float64{1, 2, 4, 8, 16}
	speeds := []float64{1}
	switch at := d.Float64(); {
	case at < 0.3:
		cores = []float64{pick(d, cores...)}
	case at < 0.6:
		speeds = []float64{1, 1, 0.5}
	case at < 0.8:
		speeds = []float64{0.5, 0.7, 1, 1.2, 1.5}
	}
	hinted, weighed := d.chance(0.2), d.chance(0.15)
	out := make([]Backend, groups)
	for i := range out {
		b := Backend{Name: string(rune('a' + i)), Count: sizes[i], Settings: healthy()}
		b.Cores, b.Speed = pick(d, cores...), pick(d, speeds...)
		if hinted {
			b.CapacityHint = b.Cores
		}
		if weighed {
			b.Weight = b.Cores
		}
		out[i] = b
	}
	one := &out[d.IntN(groups)]
	switch at := d.Float64(); {
	case at < 0.15:
		one.NeighbourCores, one.NeighbourReported = one.Cores/4, reporting && d.chance(0.5)
	case at < 0.3:
		one.Distance = d.time(5*time.Millisecond, 40*time.Millisecond)
	}
	return out
}

func healthy() Settings {
	return Settings{Speed: 1, Weight: 1, WaitFactor: 1, Fail: FailNone, Reports: ReportsOK, ReportScale: 1}
}

// membership has one backend of a group join or leave.
func (d drawer) membership(f *File) {
	if f.largestGroup() < 2 || !d.chance(0.25) {
		return
	}
	i := slices.IndexFunc(f.Backends, func(b Backend) bool { return b.Count == f.largestGroup() })
	before := slices.Clone(f.Backends)
	one := f.Backends[i]
	one.Name, one.Count = "late", 1
	at := f.Warmup + d.seconds(10, int(f.Duration.Seconds())/2)
	if d.chance(0.6) {
		one.JoinsAt, one.Cold = at, d.cold()
	} else {
		one.Name, one.LeavesAt = "early", at
	}
	f.Backends[i].Count--
	f.Backends = append(f.Backends, one)
	if !fair(*f) {
		f.Backends = before
	}
}

// largestGroup is the largest count of an entry.
func (f File) largestGroup() int {
	most := 0
	for _, b := range f.Backends {
		most = max(most, b.Count)
	}
	return most
}

func (d drawer) cold() *Cold {
	return &Cold{For: d.seconds(5, 20), Speed: pick(d, 0.2, 0.3, 0.5)}
}
