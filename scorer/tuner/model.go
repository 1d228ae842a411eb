package tuner

import (
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// model is the pool, and tells those who record all that the pool is told. It
// costs a comparison of a length while nobody does.
type model struct {
	pool *scorer.Pool
	taps []*tap
	// waiting are the taps that begin at the next tick.
	waiting []*tap

	// memory is what the pool was given at recalled.
	memory   *scorer.Memory
	recalled time.Time
	// started is that the pool has heard of load, decided something or been
	// ordered something: there is more to it than a beginning holds.
	started bool
	orders  scorer.Orders
	seq     uint64 // of the newest plan
	known   bool   // backends were set
	members []scorer.Backend
	// applied is by target, in the order in which the pool came to know them.
	applied []Applied
}

func newModel(o *Options) *model {
	m := &model{pool: o.Pool, memory: o.Memory, recalled: time.Now()}
	if m.memory != nil {
		m.pool.Recall(*m.memory, m.recalled)
	}
	m.orders = o.Orders.Clone()
	m.pool.SetOrders(m.orders)
	return m
}

func (m *model) setOrders(o scorer.Orders) {
	m.started, m.orders = true, o
	m.pool.SetOrders(o)
	if len(m.taps) > 0 {
		m.tell(Entry{At: time.Now(), Orders: &o})
	}
}

func (m *model) setBackends(b []scorer.Backend) {
	m.members, m.known = b, true
	m.pool.SetBackends(b)
	if len(m.taps) > 0 {
		m.tell(Entry{At: time.Now(), Backends: slices.Concat([]scorer.Backend{}, b)})
	}
}

func (m *model) observe(r scorer.Report) bool {
	if len(m.taps) > 0 {
		copied := r // only what is recorded goes to the heap
		m.tell(Entry{At: time.Now(), Report: &copied})
	}
	taken := m.pool.Observe(r)
	m.started = m.started || taken
	return taken
}

func (m *model) setInForce(target string, f scorer.InForce) {
	m.pool.Applied(target, f)
	m.keep(target, f)
	if len(m.taps) > 0 {
		m.tell(Entry{At: time.Now(), Applied: &Applied{target, f}})
	}
}

// keep notes what the pool has been told of a target, which goes on having the
// shares that it had when none are told.
func (m *model) keep(target string, f scorer.InForce) {
	i := slices.IndexFunc(m.applied, func(a Applied) bool { return a.Target == target })
	if i < 0 {
		m.applied = append(m.applied, Applied{target, f})
		return
	}
	if len(f.Shares) == 0 {
		f.Shares = m.applied[i].InForce.Shares
	}
	m.applied[i].InForce = f
}

func (m *model) probed(now time.Time, backend string, ok bool) {
	m.started = true
	m.pool.Probed(now, backend, ok)
	if len(m.taps) > 0 {
		m.tell(Entry{At: now, Probed: &Probed{backend, ok}})
	}
}

func (m *model) closed(c scorer.Closed) {
	m.pool.Closed(c)
	if len(m.taps) > 0 {
		m.tell(Entry{At: time.Now(), Closed: &Closed{Backend: c.Backend, Behind: m.seq - c.Seq, At: c.At, Count: c.Count}})
	}
}

func (m *model) step(now time.Time) scorer.Plan {
	m.started = true
	plan := m.pool.Step(now)
	m.seq = plan.Seq
	if len(m.taps) > 0 {
		copied := plan
		m.tell(Entry{At: now, Plan: &copied})
	}
	return plan
}

func (m *model) tell(e Entry) {
	for _, t := range m.taps {
		t.offer(e)
	}
}

// change puts a tap up, or takes it away.
func (m *model) change(c tapChange) {
	switch {
	case c.leave:
		// Who was refused has left already.
		for _, list := range []*[]*tap{&m.taps, &m.waiting} {
			if i := slices.Index(*list, c.tap); i >= 0 {
				*list = slices.Delete(*list, i, i+1)
				close(c.tap.entries)
			}
		}
	case len(m.taps)+len(m.waiting) == maxRecordings:
		close(c.tap.begun)
	case m.started:
		m.waiting = append(m.waiting, c.tap)
	default:
		m.begin(c.tap)
	}
}

// admit begins the recordings that wait for a tick.
func (m *model) admit() {
	for _, t := range m.waiting {
		m.begin(t)
	}
	m.waiting = nil
}

func (m *model) begin(t *tap) {
	now := time.Now()
	b := Beginning{At: now, FromStart: true, Memory: m.memory, Recalled: m.recalled}
	if m.started {
		memory := m.pool.Memory()
		b = Beginning{At: now, Memory: &memory, Recalled: now}
	}
	t.begun <- b // there is room for it
	orders := m.orders.Clone()
	t.offer(Entry{At: now, Orders: &orders})
	if m.known {
		t.offer(Entry{At: now, Backends: slices.Concat([]scorer.Backend{}, m.members)})
	}
	for i := range m.applied {
		copied := m.applied[i]
		t.offer(Entry{At: now, Applied: &copied})
	}
	m.taps = append(m.taps, t)
}

// end ends all recordings. Those that have not begun see the tuner end.
func (m *model) end() {
	for _, t := range m.taps {
		close(t.entries)
	}
	m.taps, m.waiting = nil, nil
}
