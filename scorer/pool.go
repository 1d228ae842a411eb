package scorer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Pool decides for one pool of backends. One goroutine owns it: no method may
// run concurrently with another.
type Pool struct {
	config Config
	// constants are config.Constants.
	constants *Constants
	members   []*member // sorted by name
	byName    map[string]*member
	targets   []poolTarget

	kind     kindJudge
	maker    scoreMaker
	choice   choice
	capacity *capacity
	goals    *connections
	static   *static
	// other is the configured law of another system; nil without one.
	other    Law
	deadband deadband
	fading   fading
	drowning drowning
	orders   Orders
	scaler   *Scaler // nil without scale advice
	departed departed
	// memory is what a predecessor knew of backends, during the first steps;
	// recalled is when it was taken over.
	memory   map[string]Remembered
	recalled time.Time
	// reported is that backends report utilization, or did before a restart.
	reported bool
	// thin is that there is too little in flight for leastconn to use weights,
	// panics that the last step was in panic.
	thin, panics bool
	// refill bounds how fast a weight may move, per second: where connections that
	// are held are counted with requests, no faster than connections come.
	refill float64
	// wasDry is that the last plan was not carried out.
	wasDry bool
	rounds rounds
	// pulses is that some target can let real requests through for a moment.
	pulses bool

	// shedding is how connections are evened out, by its own configuration; nil is
	// only by order. shedder knows what has been done of it.
	shedding *ShedConfig
	shedder  *shedder
	holdings []holding
	// rebalanced is the order that was carried out last, unfinished why one that is
	// under way is not done.
	rebalanced time.Time
	unfinished string
	usual      usual
	// reloaded is when a target was last found to be another process.
	reloaded time.Time

	seq     uint64
	steps   uint64 // since there were backends
	last    time.Time
	scratch scratch
}

// poolTarget is what is known of one target.
type poolTarget struct {
	name    string
	inForce InForce
	// shares are what it has in force, in the order of the members; NaN for one
	// that it does not know.
	shares []float64
}

// member is one backend and all that the pool remembers of it.
type member struct {
	// Condition is the effective one: found by the data plane, and what orders
	// make of it.
	Backend
	found Condition
	fresh bool
	// serving is whether it was in service after the last step, and joined
	// when that began; zero for one that was there from the start.
	serving bool
	// known is that held is.
	known bool
	// recalled is that it was known before a restart, kept that this is all that
	// is known of it for now.
	recalled, kept bool
	// needed is that it serves though it fails, as the others would drown.
	needed bool
	// drained is that an operator has ordered it to get no new work.
	drained bool
	// thin is what Pool.thin was when why was put in words.
	thin bool
	// place is its index among the members.
	place int32
	// capacity is the configured one with mean 1 over the pool: cores or
	// percent, its scale means nothing.
	capacity float64
	age      time.Duration // of the newest report, negative without any
	now      merged
	joined   time.Time
	ejection *ejection // nil while it is not ejected
	// drain is what is known of a drain by order; nil without one.
	drain *drain
	// pin is the weight that an operator has ordered, 0 for none.
	pin float64
	// held is the published logarithm relative to the configured capacity.
	held float64
	// inForce is the mean of what the targets have in force, by traffic.
	inForce float64
	// factor is e^held; said and deviation are the factor that was last put in
	// words and the estimate's deviation then.
	factor, said, deviation float64
	// tilted is the part of its weight that it goes without while connections are moved.
	tilted float64
	// weight is its last share while in service, before what the next step
	// starts from.
	weight float64
	// note is what a guard did to it in this step; shown is the reason that why
	// puts in words, and order whose order that is.
	note, shown reason
	why, order  string

	// What only the beginning of a step needs stands apart from what all of it
	// goes through.
	signals  signals
	failures failures
	smoothed []average // of the score's signals, parallel to scoreMaker.signals
}

// scratch is memory that is used again at every step.
type scratch struct {
	observations []Observation
	held         []heldLog
	bounded      []bounded
}

// New returns a pool without backends. It fails on limits that contradict each
// other.
func New(config Config) (_ *Pool, err error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, fmt.Errorf("pool %s: %w", config.Name, err)
	}
	k := config.Constants
	p := &Pool{
		config: config, constants: k, byName: map[string]*member{},
		kind:     newKindJudge(config.Kind, k),
		drowning: drowning{newPace(k.DrownMemory)},
		maker:    newScoreMaker(config.Score.Coefficients),
		capacity: newCapacity(k), goals: newConnections(k), static: &static{},
		other: newOther(config.Law),
	}
	p.capacity.trusts = config.Trust
	p.shedding = config.Shed
	if config.Scale != nil {
		if p.scaler, err = NewScaler(*config.Scale); err != nil {
			return nil, fmt.Errorf("pool %s: %w", config.Name, err)
		}
	}
	return p, nil
}

// SetShed changes how connections are evened out from the next step on; nil is only
// by order. It fails on values that contradict each other.
func (p *Pool) SetShed(config *ShedConfig) error {
	if config != nil {
		complete := config.withDefaults()
		if err := complete.check(); err != nil {
			return fmt.Errorf("pool %s: %w", p.config.Name, err)
		}
		config = &complete
	}
	p.shedding = config
	return nil
}

// SetBackends makes the given backends the members of the pool. What is known
// of those that stay is kept.
func (p *Pool) SetBackends(backends []Backend) {
	next := make(map[string]*member, len(backends))
	members := make([]*member, 0, len(backends))
	for _, b := range backends {
		if !(b.Capacity > 0) || math.IsInf(b.Capacity, 0) {
			b.Capacity = 1
		}
		if _, twice := next[b.Name]; twice {
			continue
		}
		m := p.byName[b.Name]
		if m == nil {
			m = p.newMember()
			m.Name = b.Name
			m.recall(p.memory, p.recalled, p.constants)
			p.welcome(m, b)
		}
		m.Backend, m.found = b, b.Condition
		m.obey(&p.orders)
		next[b.Name] = m
		members = append(members, m)
	}
	slices.SortFunc(members, func(a, b *member) int { return cmp.Compare(a.Name, b.Name) })
	p.noteDeparted(next)
	for t := range p.targets {
		p.targets[t].follow(members, p.byName)
	}
	for i, m := range members {
		m.place = int32(i)
	}
	p.members, p.byName = members, next
	var total float64
	for _, m := range members {
		total += m.Capacity
	}
	for _, m := range members {
		m.capacity = m.Capacity * float64(len(members)) / total
	}
}

func (p *Pool) newMember() *member {
	m := &member{
		factor:   1,
		smoothed: make([]average, len(p.maker.signals)),
	}
	for k := range m.smoothed {
		m.smoothed[k] = newAverage(p.config.Score.Window.Seconds())
	}
	return m
}

// score notes what the score takes of each signal: of a number of things what there
// is now, of a share its moving average.
func (m *member) score(maker *scoreMaker, seconds float64) {
	for k := range maker.signals {
		value := m.now.signal(maker.signals[k].name)
		if !maker.signals[k].count && !math.IsNaN(value) {
			value = m.smoothed[k].add(value, seconds)
		}
		if m.Condition == Down {
			value = math.NaN()
		}
		maker.note(k, value)
	}
}

// follow brings the shares into the order of the next members; before are the
// members up to now.
func (t *poolTarget) follow(next []*member, before map[string]*member) {
	shares := make([]float64, len(next))
	for i, m := range next {
		shares[i] = math.NaN()
		if before[m.Name] != nil {
			shares[i] = t.shares[m.place]
		}
	}
	t.shares = shares
}

// Observe takes a report. It returns false for a backend that is not a member;
// such a report is dropped.
func (p *Pool) Observe(r Report) bool {
	m, ok := p.byName[r.Backend]
	if ok {
		m.signals.observe(r)
	}
	return ok
}

// Applied takes what a target has in force. Shares that are empty are taken as
// nothing new, and so is a zero InForce: a data plane that cannot be reached keeps
// what it has, and balances as it did.
func (p *Pool) Applied(target string, f InForce) {
	at := slices.IndexFunc(p.targets, func(t poolTarget) bool { return t.name == target })
	if at < 0 {
		at = len(p.targets)
		p.targets = append(p.targets, poolTarget{name: target, shares: make([]float64, len(p.members))})
		p.targets[at].clear()
	}
	if f.saysNothing() {
		return
	}
	if before := p.targets[at].inForce; f.Reloading || before.Process != f.Process && before.Process != 0 {
		p.reloaded = p.last
	}
	p.targets[at].inForce = InForce{Origin: f.Origin, Algorithm: f.Algorithm, Pulses: f.Pulses, Process: f.Process, Reloading: f.Reloading}
	if len(f.Shares) == 0 {
		return
	}
	p.targets[at].clear()
	for _, s := range f.Shares {
		if m := p.byName[s.Backend]; m != nil {
			p.targets[at].shares[m.place] = s.Weight
		}
	}
}

func (t *poolTarget) clear() {
	for i := range t.shares {
		t.shares[i] = math.NaN()
	}
}

// Probed takes the outcome of a health request that was made to an ejected
// backend, for targets that cannot pulse: three good ones in a row readmit it.
func (p *Pool) Probed(now time.Time, backend string, ok bool) {
	if m := p.byName[backend]; m != nil && m.ejection != nil {
		m.ejection.probed(now, ok)
	}
}

func (c Config) withDefaults() Config {
	setDefault(&c.Kind, KindAuto)
	setDefault(&c.Law, LawAuto)
	limits, score := DefaultLimits(), DefaultScore()
	setDefault(&c.Limits.Floor, limits.Floor)
	setDefault(&c.Limits.Ceiling, limits.Ceiling)
	setDefault(&c.Limits.Step, limits.Step)
	setDefault(&c.Limits.Deadband, limits.Deadband)
	setDefault(&c.Limits.StaleAfter, limits.StaleAfter)
	setDefault(&c.Limits.SlowStart, limits.SlowStart)
	setDefault(&c.Limits.MaxEjected, limits.MaxEjected)
	setDefault(&c.Score.Window, score.Window)
	if len(c.Score.Coefficients) == 0 {
		c.Score.Coefficients = score.Coefficients
	}
	constants := DefaultConstants()
	if c.Constants != nil {
		constants = *c.Constants // nobody changes them while they are used
	}
	c.Constants = &constants
	if c.Shed != nil {
		shed := c.Shed.withDefaults()
		c.Shed = &shed
	}
	return c
}

func setDefault[T comparable](value *T, def T) {
	var zero T
	if *value == zero {
		*value = def
	}
}

func (c Config) check() error {
	l := c.Limits
	switch {
	case !(l.Floor > 0 && l.Floor <= 1):
		return fmt.Errorf("floor %v: must be above 0 and at most 1, the mean weight", l.Floor)
	case !(l.Ceiling >= 1) || math.IsInf(l.Ceiling, 0):
		return fmt.Errorf("ceiling %v: must be at least 1, the mean weight", l.Ceiling)
	case !(l.Step > 0) || math.IsInf(l.Step, 0):
		return fmt.Errorf("step %v: must be above 0", l.Step)
	case !(l.Deadband >= 0 && l.Deadband < 1):
		return fmt.Errorf("deadband %v: must be from 0 to below 1", l.Deadband)
	case l.StaleAfter < 0:
		return fmt.Errorf("stale_after %v: must be positive", l.StaleAfter)
	case l.MaxEjected > 1:
		return fmt.Errorf("max_ejected %v: must be at most 1", l.MaxEjected)
	case !slices.Contains(Laws(), c.Law):
		return fmt.Errorf("law %q: must be one of %s", c.Law, strings.Join(Laws(), ", "))
	case c.Kind != KindAuto && c.Kind != KindRequests && c.Kind != KindConnections:
		return fmt.Errorf("kind %q: must be %s, %s or %s", c.Kind, KindAuto, KindRequests, KindConnections)
	}
	for name, k := range c.Score.Coefficients {
		if !(k >= 0) || math.IsInf(k, 0) {
			return fmt.Errorf("score %s %v: must not be negative", name, k)
		}
	}
	if c.Shed != nil {
		if err := c.Shed.check(); err != nil {
			return err
		}
	}
	return c.Constants.check()
}
