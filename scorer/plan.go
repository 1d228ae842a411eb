package scorer

import "time"

// Mode says what a plan is for.
type Mode uint8

const (
	// Active plans are carried out.
	Active Mode = iota
	// DryRun plans are computed and shown; targets only report what they have.
	DryRun
	// Frozen plans repeat the last one, and are carried out.
	Frozen
)

func (m Mode) String() string {
	switch m {
	case Active:
		return "active"
	case DryRun:
		return "dry-run"
	default:
		return "frozen"
	}
}

// State is what a plan wants of a backend.
type State uint8

const (
	// StateUnknown is a backend of which no fresh report says anything. It
	// keeps getting work.
	StateUnknown State = iota
	// StateReady takes new work by its weight.
	StateReady
	// StateDraining takes no new work; existing work leaves in its own time.
	StateDraining
	// StateEjected takes no new work because it fails; pulses readmit it.
	StateEjected
	// StateDown is out by the data plane's own word; the weight is the one
	// that it comes back with.
	StateDown
)

func (s State) String() string {
	switch s {
	case StateReady:
		return "ready"
	case StateDraining:
		return "draining"
	case StateEjected:
		return "ejected"
	case StateDown:
		return "down"
	default:
		return "unknown"
	}
}

// Plan is what a pool's weights and states should be at one tick. It is
// immutable once Step has returned it and may be shared.
type Plan struct {
	// Pool is the pool's name.
	Pool string
	// Seq counts steps from 1.
	Seq uint64
	// At is the time that was passed to Step.
	At   time.Time
	Mode Mode
	// Kind is what the pool serves, as configured or found out; KindAuto while that
	// is not known.
	Kind Kind
	// Law is the law in use and LawWhy the reason for choosing it.
	Law, LawWhy string
	// Advice is what the person on call should change because no weight can
	// repair it; empty when there is nothing.
	Advice string
	// Imbalance is the highest score over the mean score, of those in service; NaN
	// without scores.
	Imbalance float64
	// Scale is how many backends the pool wants; nil where nobody has asked.
	Scale *ScaleAdvice
	// Shedding is what is done about connections that are where they should not be.
	Shedding Shedding
	// Decisions are sorted by backend name, one for each backend of the pool.
	Decisions []Decision
}

// Decision is a plan's word on one backend.
type Decision struct {
	Backend string
	// Weight is the backend's share of new work relative to the others; its
	// mean is 1 over the backends that are ready or unknown. It is 0 for
	// draining and ejected ones, unless Pulse is set.
	Weight float64
	State  State
	// Pinned is that an operator has ordered exactly this weight.
	Pinned bool
	// Drained is that an operator has ordered that it gets no new work.
	Drained bool
	// Probe asks for an own health request to an ejected backend, whose outcome
	// [Pool.Probed] takes: no target can let real requests through for a moment.
	Probe bool
	// Score is how busy the backend is for its capacity: 1 is a fair share,
	// higher is busier, NaN is unknown.
	Score float64
	// Terms are what the score is made of: its mean by their coefficients.
	Terms []ScoreTerm
	// Goal is how many connections are the backend's part of all that there are, with
	// room for its dear ones; NaN where connections are not what is balanced.
	Goal float64
	// Shed is how many of its connections are to be asked to reconnect.
	Shed Shed
	// Drain is how far a drain by order is; nil without one.
	Drain *DrainProgress
	// Why is the reason in words.
	Why string
	// Pulse, when positive, asks for Weight to be in force for so long and
	// for 0 again after it, without waiting for the next tick. It is the
	// target that times it.
	Pulse time.Duration

	// What the decision was made from, for people: NaN when not known.
	InFlight, RPS, EPS, Latency, Utilization float64
	// ReportAge is the age of the freshest report; negative without any.
	ReportAge time.Duration
}
