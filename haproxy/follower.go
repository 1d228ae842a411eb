package haproxy

import (
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// maxWeight is HAProxy's largest weight.
const maxWeight = 256

// follower is what a backend remembers of what was set. After a restart of
// HAProxy only the rounder goes on.
type follower struct {
	rounder    *scorer.Rounder
	adopted    bool
	generation int
	// found are the weights at first sight, which Restore puts back where sent
	// or touched says that trimtab has set one since.
	found   map[string]int
	touched map[string]bool
	// sent is what was set last and when that was confirmed, or what was there at
	// first sight; nothing while it is not known what became of it.
	sent map[string]setting
	// foreign are weights that someone else has set, by server.
	foreign map[string]int
	// closed are the servers that were found with weight 0: drained by hand, or by
	// a trimtab that has died. A plan that wants them out shows that it was that.
	closed map[string]bool
	// agents are the servers whose agent-check was switched off.
	agents map[string]bool
	warned map[string]bool
	// fixed says that HAProxy has refused weights for the algorithm's sake.
	fixed bool
}

type setting struct {
	weight int
	at     time.Time
}

func newFollower() follower {
	return follower{
		rounder: scorer.NewRounder(scorer.RounderConfig{Max: maxWeight}),
		found:   map[string]int{}, touched: map[string]bool{},
		sent: map[string]setting{}, foreign: map[string]int{}, closed: map[string]bool{},
		agents: map[string]bool{}, warned: map[string]bool{},
	}
}

// meet takes in what a poll has found.
func (f *follower) meet(v *view) {
	if f.generation != v.generation {
		f.generation = v.generation
		f.restarted(v)
	}
	for i := range v.servers {
		s := &v.servers[i]
		if _, ok := f.found[s.name]; !ok {
			f.found[s.name] = s.weight
		}
		if _, ok := f.sent[s.name]; !ok {
			f.sent[s.name] = setting{s.weight, v.at}
		}
		if !f.adopted && s.weight == 0 && s.initial > 0 {
			f.foreign[s.name], f.closed[s.name] = 0, true
		}
	}
	for name := range f.found {
		if _, ok := v.index[name]; !ok && v.at.After(f.sent[name].at) {
			delete(f.sent, name)
			delete(f.found, name)
			delete(f.touched, name)
			delete(f.foreign, name)
			delete(f.closed, name)
			delete(f.agents, name)
		}
	}
	if !f.adopted {
		weights := map[string]int{}
		for i := range v.servers {
			weights[v.servers[i].name] = v.servers[i].weight
		}
		f.rounder.Adopt(weights)
		f.adopted = true
	}
}

// restarted forgets what a new process has not got. The weights found at first
// stay only where a server-state file has carried trimtab's over: what it was told
// last, or whatever is there where the process before has refused or not answered that.
func (f *follower) restarted(v *view) {
	for i := range v.servers {
		s := &v.servers[i]
		set, ok := f.sent[s.name]
		carried := ok && set.weight == s.weight || !ok && f.touched[s.name]
		if !carried || s.weight == s.initial {
			delete(f.found, s.name)
			delete(f.touched, s.name)
		}
	}
	f.keepHands(v)
	clear(f.agents)
	f.fixed = false
}

// keepHands forgets what was set, but for what a person has set and a server-state
// file has carried over.
func (f *follower) keepHands(v *view) {
	sent, foreign, closed := map[string]setting{}, map[string]int{}, map[string]bool{}
	for name, weight := range f.foreign {
		s, ok := v.server(name)
		if !ok || s.weight != weight || s.weight == s.initial {
			continue
		}
		foreign[name] = weight
		if f.closed[name] {
			closed[name] = true
		}
		if set, ok := f.sent[name]; ok {
			sent[name] = set
		}
	}
	f.sent, f.foreign, f.closed = sent, foreign, closed
}

// weight is what a server has now, by the newer of the poll and what was set
// since.
func (f *follower) weight(s *server, v *view) int {
	if set, ok := f.sent[s.name]; ok && !v.at.After(set.at) {
		return set.weight
	}
	return s.weight
}
