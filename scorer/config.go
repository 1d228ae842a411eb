package scorer

import "time"

// Kind says what a pool serves, which decides what its counts are a witness of.
type Kind string

const (
	// KindAuto finds out: by upgraded connections and completions per in-flight.
	KindAuto Kind = "auto"
	// KindRequests is work that completes: latency shows capacity.
	KindRequests Kind = "requests"
	// KindConnections is long-lived connections: how long they stay says
	// nothing of the backend.
	KindConnections Kind = "connections"
)

// Names of the laws that a pool can be configured with.
const (
	LawAuto     = "auto"
	LawCapacity = "capacity"
	LawStatic   = "static"
)

// Names of the laws of other systems. They need backends that report their
// utilization; guards and limits hold for them as for all.
const (
	// LawA58 is [A58] as gRPC has it, LawORCA as Envoy's
	// client_side_weighted_round_robin has it.
	LawA58  = "a58"
	LawORCA = "orca"
	// LawIdle is [Idle], LawUtilization [Utilization].
	LawIdle        = "idle"
	LawUtilization = "utilization"
)

// Config is one pool's settings. The zero value of every field but Name means
// its default.
type Config struct {
	Name string
	// Kind defaults to KindAuto.
	Kind Kind
	// Law is LawAuto (default), LawCapacity, LawStatic, or one of other systems.
	Law    string
	Limits Limits
	Score  ScoreConfig
	// Shed is how long-lived connections are evened out; nil is only by order.
	Shed *ShedConfig
	// Trust believes backends' reports even under round robin, where nothing else
	// tells capacities. Without it, one whose requests stay far longer than the
	// others' loses what its reports have earned it. Elsewhere reports have to agree
	// with what the proxies see anyway.
	Trust bool
	// Scale asks for advice on how many backends the pool wants; nil for none.
	Scale *ScaleConfig
	// DryRun marks plans as not to be carried out.
	DryRun bool
	// Constants are what the law was tuned with; nil is [DefaultConstants]. They are
	// here for sweeps that show how little depends on them, not for operation: no
	// configuration file has a key for them.
	Constants *Constants
}

// Limits bound what any law can do.
type Limits struct {
	// Floor and Ceiling bound a weight; 1 is the mean. Defaults 0.05 and 20;
	// 0 < Floor <= 1 <= Ceiling.
	Floor, Ceiling float64
	// Step bounds a change from one tick to the next: a weight stays within
	// its last value times and over 1+Step. Default 0.5.
	Step float64
	// Deadband is the least relative change that is worth making, while something
	// happens to a backend, and twice as much while nothing does. Default 0.05.
	Deadband float64
	// StaleAfter is the age at which a backend's reports no longer count.
	// Default 10 s.
	StaleAfter time.Duration
	// SlowStart is how long a backend that joins or returns takes to reach its
	// weight. Default 10 s; negative switches it off.
	SlowStart time.Duration
	// MaxEjected is the largest share of a pool that may be ejected at once.
	// Default 1/3, always at least one backend; negative switches ejection off.
	MaxEjected float64
}

// ScoreConfig says how a backend's score is made up.
type ScoreConfig struct {
	// Coefficients weigh the signals: "connections", "cpu", "memory",
	// "utilization" or the name of a named metric. Only ratios matter. Default
	// connections 1, cpu 1.
	Coefficients map[string]float64
	// Window is the time constant of the moving average that every signal but
	// connections is taken through. Default 10 s.
	Window time.Duration
}

// DefaultLimits are the limits where nothing else is configured.
func DefaultLimits() Limits {
	return Limits{
		Floor: 0.05, Ceiling: 20, Step: 0.5, Deadband: 0.05,
		StaleAfter: 10 * time.Second, SlowStart: 10 * time.Second,
		MaxEjected: 1.0 / 3,
	}
}

// DefaultScore is how a score is made up where nothing else is configured.
func DefaultScore() ScoreConfig {
	return ScoreConfig{
		Coefficients: map[string]float64{signalConnections: 1, "cpu": 1},
		Window:       10 * time.Second,
	}
}
