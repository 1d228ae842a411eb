package simulate

import (
	"cmp"
	"slices"
)

// ShedOrder is which of a backend's connections are closed first.
type ShedOrder uint8

const (
	// ShedOldest closes those that have been there for longest: who was closed and is
	// back is among the last to be closed again.
	ShedOldest ShedOrder = iota
	// ShedYoungest closes those that came last.
	ShedYoungest
)

// shed is one connection that is to be closed.
type shed struct {
	at     float64
	client int
	// opened is when the connection began that is meant: another one is left alone.
	opened float64
}

const (
	// shedDelay is how long it takes, in seconds, to list a backend's connections
	// before the first is closed, and shedSpread over how long all are.
	shedDelay  = 0.1
	shedSpread = 0.7
)

// shed lists what is to be closed before the next step, as one does who asks a proxy
// for its sessions: some may have gone by the time that it is their turn.
func (e *engine) shed(pool int, now float64, counts []int) {
	p := &e.pools[pool]
	for place, count := range counts {
		if count <= 0 {
			continue
		}
		open := e.openOn(pool, int16(p.members[place]))
		slices.SortFunc(open, func(a, b int) int {
			order := cmp.Or(cmp.Compare(e.clients[a].opened, e.clients[b].opened), cmp.Compare(a, b))
			if e.scenario.ShedOrder == ShedYoungest {
				return -order
			}
			return order
		})
		open = open[:min(count, len(open))]
		for k, i := range open {
			at := now + shedDelay + shedSpread*(float64(k)+e.shedding.Float64())/float64(len(open))
			e.sheds = append(e.sheds, shed{at, i, e.clients[i].opened})
		}
	}
	slices.SortStableFunc(e.sheds, func(a, b shed) int { return cmp.Compare(a.at, b.at) })
}

func (e *engine) openOn(pool int, backend int16) []int {
	var out []int
	for i := range e.clients {
		if c := &e.clients[i]; c.open && c.backend == backend && c.group.Pool == pool {
			out = append(out, i)
		}
	}
	return out
}

// close closes the connection whose turn it is, if it is still there.
func (e *engine) close(now float64) {
	s := e.sheds[0]
	e.sheds = e.sheds[1:]
	c := &e.clients[s.client]
	if !c.open || c.opened != s.opened {
		return
	}
	p := &e.pools[c.group.Pool]
	p.closed[p.places[c.backend]]++
	if p.counted(now) {
		p.result.Shed++
	}
	e.cutOff(now, s.client)
}
