package agentcheck

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// ErrNotAsked is a pool for which no HAProxy asks.
var ErrNotAsked = errors.New("no HAProxy asks; its server lines need agent-check with agent-addr, agent-port and agent-send \"pool/backend\\n\"")

// Target is one pool's target. It answers nothing before its first plan.
type Target struct {
	server  *Server
	pool    string
	options TargetOptions

	// posted is what this target has put up last.
	posted atomic.Pointer[answers]

	// Owned by Apply.
	rounder *scorer.Rounder
	began   time.Time
	// last are the weights answered last, on HAProxy's scale.
	last map[string]int
}

// Target returns a target for a pool, under the name that "agent-send" has. It
// changes nothing before it is applied; of two targets of one pool, the one that
// was applied last is answered from.
func (s *Server) Target(pool string, o TargetOptions) (*Target, error) {
	fail := func(format string, args ...any) (*Target, error) {
		return nil, fmt.Errorf("%s: pool %s: %w", s.Name(), pool, fmt.Errorf(format, args...))
	}
	if n, err := parseName([]byte(pool)); err != nil || n.pool != "" {
		return fail("the name cannot be asked for by agent-send: it needs printable ASCII without spaces and slashes")
	}
	o, err := o.withDefaults()
	if err != nil {
		return fail("%w", err)
	}
	return &Target{
		server: s, pool: pool, options: o,
		rounder: scorer.NewRounder(scorer.RounderConfig{Max: maxWeight}),
	}, nil
}

// Name is how people know the target.
func (t *Target) Name() string { return t.server.Name() }

// Close takes the target's answers down, unless another target has replaced them
// already: from then on nothing is answered for the pool, and weights stay. It is
// for when no more plans come.
func (t *Target) Close() {
	if posted := t.posted.Load(); posted != nil {
		t.server.board(t.pool).answers.CompareAndSwap(posted, nil)
	}
}

// Apply implements tuner.Target. It puts the plan's answers up and returns at
// once; what it returns as in force is what HAProxy has by its own statistics,
// or else what it was told. That nobody asks is an error.
func (t *Target) Apply(_ context.Context, p scorer.Plan) (scorer.InForce, error) {
	now := time.Now()
	b := t.server.board(t.pool)
	found := t.found()
	words, asked := b.words()
	if len(p.Decisions) == 0 {
		return t.inForce(p, words, found, now), nil
	}
	if t.began.IsZero() {
		t.began = now
	}
	var a *answers
	if p.Mode == scorer.DryRun {
		a = t.held(p)
	} else {
		t.adopt(p, words, found)
		a = t.answersFor(p)
	}
	a.until = now.Add(t.options.StaleAfter)
	b.post(a)
	t.posted.Store(a)
	in := t.inForce(p, words, found, now)
	if since := now.Sub(later(asked, t.began)); since > silence {
		return in, fmt.Errorf("%s: pool %s: for %s: %w", t.server.Name(), t.pool, since.Round(time.Second), ErrNotAsked)
	}
	return in, nil
}

// held are answers that only tell the names apart from unknown ones.
func (t *Target) held(p scorer.Plan) *answers {
	// What holds while nothing is carried out is found again afterwards.
	t.last = nil
	a := &answers{hold: true, by: make(map[string]answer, len(p.Decisions))}
	for _, d := range p.Decisions {
		a.by[d.Backend] = answer{}
	}
	return a
}

// adopt begins with what the proxies have.
func (t *Target) adopt(p scorer.Plan, words map[string]word, found map[string]int) {
	if t.last != nil {
		return
	}
	t.last = make(map[string]int, len(p.Decisions))
	for _, d := range p.Decisions {
		t.last[d.Backend] = t.has(d.Backend, words, found)
	}
	t.rounder.Adopt(t.last)
}

func (t *Target) answersFor(p scorer.Plan) *answers {
	rounded := t.rounder.Round(p, t.algorithm())
	a := &answers{by: make(map[string]answer, len(p.Decisions))}
	last := make(map[string]int, len(p.Decisions))
	for i, d := range p.Decisions {
		weight := rounded.Weights[i]
		if d.Pulse > 0 {
			weight = 0 // nobody would end it in time
		}
		initial := t.options.initial(d.Backend)
		before, ok := t.last[d.Backend]
		if !ok {
			before = initial
		}
		weight = slewed(weight, before)
		last[d.Backend] = weight
		one := answer{drain: d.State == scorer.StateDraining && t.options.Drain == DrainByState}
		one.percent, one.weight = percentFor(weight, initial)
		one.line = percentLine(one.percent)
		one.ready = append([]byte("ready "), one.line...)
		if one.drain {
			one.line, one.weight = []byte("drain\n"), 0
		}
		a.by[d.Backend] = one
	}
	t.last = last
	return a
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
