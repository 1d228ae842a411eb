package haproxy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// maxWeight is HAProxy's largest weight.
const maxWeight = 256

// follower is what a backend remembers of what was set.
type follower struct {
	rounder    *scorer.Rounder
	adopted    bool
	generation int
	// found are the weights at first sight, which Restore puts back.
	found map[string]int
	// sent is what was set last and when that was confirmed.
	sent map[string]setting
	// foreign are weights that someone else has set, by server.
	foreign map[string]int
	// agents are the servers whose agent-check was switched off.
	agents map[string]bool
	warned map[string]bool
}

type setting struct {
	weight int
	at     time.Time
}

func newFollower() follower {
	return follower{
		rounder: scorer.NewRounder(scorer.RounderConfig{Max: maxWeight}),
		found:   map[string]int{}, sent: map[string]setting{}, foreign: map[string]int{},
		agents: map[string]bool{}, warned: map[string]bool{},
	}
}

// Apply implements tuner.Target. Only weights that differ are sent, all of them
// in one exchange; pulses come after them and are timed here. Servers whose
// weight someone else has set are left alone or set again as configured.
func (b *Backend) Apply(ctx context.Context, p scorer.Plan) (scorer.InForce, error) {
	if err := b.proxy.fresh(ctx); err != nil {
		return scorer.InForce{}, err
	}
	v := b.view.Load()
	if v == nil {
		if why := b.absent.Load(); why != nil {
			return scorer.InForce{}, *why
		}
		return scorer.InForce{}, fmt.Errorf("%s: backend %s: nothing read yet", b.proxy.session.name, b.name)
	}
	f := &b.following
	f.meet(v)
	b.noteForeign(v)
	if p.Mode == scorer.DryRun || len(p.Decisions) == 0 {
		return b.inForce(v), nil
	}
	err := b.handleAgents(ctx, v)
	changes, pulses := f.changes(p, v, b.proxy.config.ExternalChanges == Override)
	err = errors.Join(err, b.set(ctx, changes))
	if err == nil {
		err = b.pulse(ctx, pulses)
	}
	return b.inForce(v), err
}

// meet takes in what a poll has found.
func (f *follower) meet(v *view) {
	if f.generation != v.generation {
		// A new process has none of what was set.
		f.generation = v.generation
		clear(f.sent)
		clear(f.foreign)
		clear(f.agents)
	}
	for i := range v.servers {
		s := &v.servers[i]
		if _, ok := f.found[s.name]; !ok {
			f.found[s.name] = s.weight
		}
	}
	for name, set := range f.sent {
		if _, ok := v.index[name]; !ok && v.at.After(set.at) {
			delete(f.sent, name)
			delete(f.found, name)
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

// weight is what a server has now, by the newer of the poll and what was set
// since.
func (f *follower) weight(s *server, v *view) int {
	if set, ok := f.sent[s.name]; ok && !v.at.After(set.at) {
		return set.weight
	}
	return s.weight
}

// noteForeign finds weights that are not what was set last.
func (b *Backend) noteForeign(v *view) {
	f := &b.following
	for i := range v.servers {
		s := &v.servers[i]
		set, ok := f.sent[s.name]
		if !ok || !v.at.After(set.at) {
			continue
		}
		before, noted := f.foreign[s.name]
		switch {
		case s.weight == set.weight:
			if noted {
				delete(f.foreign, s.name)
				b.proxy.log.Info("weight is back at what trimtab had set", "backend", b.name, "server", s.name, "weight", s.weight)
			}
		case !noted || before != s.weight:
			f.foreign[s.name] = s.weight
			b.proxy.stats.external.Add(1)
			b.proxy.log.Warn("weight was changed by someone else", "backend", b.name, "server", s.name,
				"set", set.weight, "now", s.weight, "external_changes", string(b.proxy.config.ExternalChanges))
		}
	}
}

// change is one weight to set; for a pulse it is set to 0 again after it.
type change struct {
	server string
	weight int
	pulse  time.Duration
}

// changes compares a plan with what is there.
func (f *follower) changes(p scorer.Plan, v *view, override bool) (changes, pulses []change) {
	rounded := f.rounder.Round(p, v.algorithm)
	for i, d := range p.Decisions {
		s, ok := v.server(d.Backend)
		if !ok {
			continue
		}
		if _, foreign := f.foreign[d.Backend]; foreign && !override {
			continue
		}
		want := rounded.Weights[i]
		if d.Pulse > 0 {
			pulses = append(pulses, change{d.Backend, want, d.Pulse})
			want = 0
		}
		if want != f.weight(&s, v) {
			changes = append(changes, change{server: d.Backend, weight: want})
		}
	}
	return changes, pulses
}

// maxShown is how many refused servers an error names.
const maxShown = 3

// set sends weights in one exchange. Every refusal is an error that names its
// server; the others are in force all the same.
func (b *Backend) set(ctx context.Context, changes []change) error {
	if len(changes) == 0 {
		return nil
	}
	commands := make([]string, len(changes))
	for i, c := range changes {
		if err := checkName("server", c.server); err != nil {
			return fmt.Errorf("%s: backend %s: %w", b.proxy.session.name, b.name, err)
		}
		commands[i] = "set server " + b.name + "/" + c.server + " weight " + strconv.Itoa(c.weight)
	}
	done := make([]bool, len(changes))
	var errs []error
	failed := 0
	at, err := b.proxy.session.Exchange(ctx, commands, func(i int, text []byte) error {
		if len(text) == 0 {
			done[i] = true
			return nil
		}
		if failed++; failed <= maxShown {
			errs = append(errs, fmt.Errorf("%s: %w", b.proxy.session.name, refused(commands[i], text)))
		}
		return nil
	})
	for i, c := range changes {
		if done[i] {
			b.following.sent[c.server] = setting{c.weight, at}
			delete(b.following.foreign, c.server)
		} else {
			// It may or may not have arrived: the next poll tells.
			delete(b.following.sent, c.server)
		}
	}
	if failed > maxShown {
		errs = append(errs, fmt.Errorf("and %d more servers", failed-maxShown))
	}
	return errors.Join(append(errs, err)...)
}

// pulse lets each server have its weight for its time. Whatever happens, they
// are set to 0 again.
func (b *Backend) pulse(ctx context.Context, pulses []change) error {
	if len(pulses) == 0 {
		return nil
	}
	slices.SortFunc(pulses, func(a, c change) int { return cmp.Compare(a.pulse, c.pulse) })
	err := b.set(ctx, pulses)
	began := time.Now()
	for len(pulses) > 0 {
		pause(ctx, pulses[0].pulse-time.Since(began))
		var over []change
		for len(pulses) > 0 && (ctx.Err() != nil || pulses[0].pulse <= time.Since(began)) {
			over = append(over, change{server: pulses[0].server})
			pulses = pulses[1:]
		}
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*exchangeTimeout)
		err = errors.Join(err, b.set(closing, over))
		cancel()
	}
	return err
}

// inForce is what the servers have now.
func (b *Backend) inForce(v *view) scorer.InForce {
	f := &b.following
	out := scorer.InForce{
		Origin: b.proxy.Name(), Algorithm: v.algorithm, Pulses: true,
		Shares: make([]scorer.Share, len(v.servers)),
	}
	for i := range v.servers {
		s := &v.servers[i]
		weight := f.weight(s, v)
		out.Shares[i] = scorer.Share{Backend: s.name, Weight: float64(weight), Applied: weight, Note: b.note(s)}
	}
	return out
}

func (b *Backend) note(s *server) string {
	if weight, ok := b.following.foreign[s.name]; ok {
		if b.proxy.config.ExternalChanges == Override {
			return fmt.Sprintf("was set to %d by someone else, and set again", weight)
		}
		return fmt.Sprintf("set to %d by someone else and left alone (external_changes: respect)", weight)
	}
	if s.agent && !b.following.agents[s.name] {
		return "its agent-check sets weights, too"
	}
	return ""
}

// Restore puts back the weights that were found at first, and the agent-checks
// that were switched off. Weights that someone else has set since stay.
func (b *Backend) Restore(ctx context.Context) error {
	v := b.view.Load()
	f := &b.following
	if v == nil {
		return fmt.Errorf("%s: backend %s: nothing was ever read", b.proxy.session.name, b.name)
	}
	b.noteForeign(v)
	var changes []change
	for i := range v.servers {
		s := &v.servers[i]
		_, foreign := f.foreign[s.name]
		found, ok := f.found[s.name]
		if ok && !foreign && found != f.weight(s, v) {
			changes = append(changes, change{server: s.name, weight: found})
		}
	}
	return errors.Join(b.set(ctx, changes), b.enableAgents(ctx))
}
