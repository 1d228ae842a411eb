package recording

import (
	"io"
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// worthTelling is the relative change of a weight since it was last told that
	// gets a line; moved is the one from a plan to the next that counts as a move.
	worthTelling = 0.05
	moved        = 0.01
)

// Replay has a new pool with the given configuration decide, at the times at which
// the recorded one did, on all that it was told. The same recording and configuration
// give the same outcome.
//
// What the pool is told is what came of the recorded plans, not of its own: where the
// two differ for long, it says what would have been tried, not what would have come of
// it.
func Replay(r *Reader, c scorer.Config) (*Outcome, error) {
	pool, err := scorer.New(c)
	if err != nil {
		return nil, err
	}
	h := r.Header()
	if h.Memory != nil {
		pool.Recall(*h.Memory, h.Recalled)
	}
	p := &replay{pool: pool, comparison: newComparison(h, c)}
	for {
		l, err := r.next()
		if err == io.EOF {
			return p.outcome(r), nil
		}
		if err != nil {
			return nil, err
		}
		p.take(l)
	}
}

type replay struct {
	pool *scorer.Pool
	seq  uint64 // of the newest plan
	*comparison
}

func (p *replay) take(l *line) {
	switch {
	case l.Report != nil:
		p.pool.Observe(l.Report.scorer())
	case l.Backends != nil:
		p.pool.SetBackends(scorerBackends(*l.Backends))
	case l.Applied != nil:
		p.pool.Applied(l.Applied.Target, l.Applied.scorer())
	case l.Probed != nil:
		p.pool.Probed(l.At, l.Probed.Backend, l.Probed.OK)
	case l.Closed != nil:
		p.pool.Closed(scorer.Closed{Backend: l.Closed.Backend, Seq: p.seq - min(l.Closed.Behind, p.seq), At: l.Closed.At, Count: l.Closed.Count})
	case l.Orders != nil:
		p.pool.SetOrders(*l.Orders)
	case l.Plan != nil:
		plan := p.pool.Step(l.At)
		p.seq = plan.Seq
		p.compare(l.At, newPlan(&plan), l.Plan)
	}
}

// comparison is a replay's plans beside those that were recorded.
type comparison struct {
	out    *Outcome
	by     map[string]*seen
	before [2]*Plan // replayed, recorded
	first  time.Time
}

// seen is what was seen of one backend.
type seen struct {
	Backend
	// told are its decisions, replayed and recorded, when it last had a line.
	told [2]Decision
}

func newComparison(h Header, c scorer.Config) *comparison {
	return &comparison{
		out: &Outcome{
			Pool: h.Pool, At: h.At, FromStart: h.FromStart, Program: h.Program,
			Recorded: Side{Configured: h.Config.Law}, Replayed: Side{Configured: c.Law},
			Settings: []string{}, Changes: []Change{}, Backends: []Backend{},
		},
		by: map[string]*seen{},
	}
}

// compare takes one step's plans.
func (c *comparison) compare(at time.Time, replayed, recorded *Plan) {
	if c.first.IsZero() {
		c.first = at
	}
	c.out.Seconds = at.Sub(c.first).Seconds()
	c.out.Plans++
	if replayed.same(recorded) {
		c.out.Same++
	} else if c.out.FirstDifference == nil {
		c.out.FirstDifference = &at
	}
	if replayed.alike(recorded) {
		c.out.Alike++
	}
	c.laws(at, replayed, recorded)
	others := byBackend(recorded)
	for _, d := range replayed.Decisions {
		c.backend(at, d, others[d.Backend])
	}
	for i, plan := range []*Plan{replayed, recorded} {
		side := []*Side{&c.out.Replayed, &c.out.Recorded}[i]
		side.Law = plan.Law
		c.count(i, side, plan)
		c.before[i] = plan
	}
}

func byBackend(p *Plan) map[string]Decision {
	out := make(map[string]Decision, len(p.Decisions))
	for _, d := range p.Decisions {
		out[d.Backend] = d
	}
	return out
}

// laws tells of another law in use.
func (c *comparison) laws(at time.Time, replayed, recorded *Plan) {
	var was [2]string
	if c.before[0] != nil {
		was = [2]string{c.before[0].Law, c.before[1].Law}
		if was == [2]string{replayed.Law, recorded.Law} {
			return
		}
	}
	c.out.Changes = append(c.out.Changes, Change{
		At:       at,
		Replayed: Move{WasLaw: was[0], Law: replayed.Law}, Recorded: Move{WasLaw: was[1], Law: recorded.Law},
		Why: replayed.LawWhy,
	})
}

// backend tells of a backend what has changed on either side.
func (c *comparison) backend(at time.Time, replayed, recorded Decision) {
	if recorded.Backend == "" { // its plan does not know it
		recorded = Decision{Weight: number(math.NaN()), State: "unknown"}
	}
	s := c.by[replayed.Backend]
	if s == nil {
		s = &seen{Backend: Backend{Name: replayed.Backend}, told: [2]Decision{replayed, recorded}}
		c.by[replayed.Backend] = s
	}
	s.Replayed, s.Recorded = replayed.Weight, recorded.Weight
	if apart := math.Abs(float64(replayed.Weight - recorded.Weight)); apart > s.Apart {
		s.Apart, s.ApartAt = apart, &at
	}
	if !news(&s.told[0], &replayed, worthTelling) && !news(&s.told[1], &recorded, worthTelling) {
		return
	}
	c.out.Changes = append(c.out.Changes, Change{
		At: at, Backend: replayed.Backend,
		Replayed: moveOf(&s.told[0], &replayed), Recorded: moveOf(&s.told[1], &recorded),
		Why: replayed.Why,
	})
	s.told = [2]Decision{replayed, recorded}
}

// news says whether a decision differs from an earlier one by more than limit, or in
// its state.
func news(before, now *Decision, limit float64) bool {
	return before.State != now.State || math.Abs(float64(now.Weight-before.Weight)) > limit*float64(before.Weight)
}

func moveOf(before, now *Decision) Move {
	return Move{Was: before.Weight, Is: now.Weight, WasState: before.State, State: now.State}
}

// count counts the moves from one plan to the next; 0 is the replayed side.
func (c *comparison) count(which int, side *Side, plan *Plan) {
	if c.before[which] == nil {
		return
	}
	before := byBackend(c.before[which])
	for _, d := range plan.Decisions {
		if was, ok := before[d.Backend]; ok && math.Abs(float64(d.Weight-was.Weight)) > moved*float64(was.Weight) {
			side.Moves++
		}
	}
}
