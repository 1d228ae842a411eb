package scorer

import (
	"fmt"
	"math"
	"reflect"
	"time"
)

// Constants are the numbers that the default law and the guards around it were
// tuned with: all of them but what an operator sets ([Limits], [ScoreConfig]) and
// what is no choice (bounds of arithmetic, of a logarithm, of a sentence).
//
// None of them depends on a pool, and halving or doubling any one of them is to
// change little: "make judge-constants" shows how much. Every field is above 0.
type Constants struct {
	// Capacity by latency and by reports, see [capacity] for the formulas.

	// LatencyDrift is the standard deviation, per root second, by which the log
	// capacity that latency shows is taken to wander. More follows a change sooner
	// and moves weights for noise. Twice ReportDrift and more, because it is what
	// finds a neighbour that moves on every 30 s; at 0.025 Envoy is late for that.
	LatencyDrift float64
	// ReportDrift is the same of what reports show. They are hardly noisy, so that
	// less is enough: twice as much makes half as many changes of weights again.
	ReportDrift float64
	// LatencyReopen and ReportReopen are by how much a filter that lags behind is
	// opened, in times the variance of one that drifts at all times. Less for latency,
	// as it also shows queues on their way out: with 3 it runs away from a server that
	// is half as quick of a sudden. More for reports, which are late, and follow
	// themselves when every weight that moves is taken for a change.
	LatencyReopen float64
	ReportReopen  float64
	// CalmDrift is the part of its drift that a filter has while it does not lag.
	CalmDrift float64
	// LagNoise is how many variances the mean of late surprises may be off by noise
	// before it is lag: 6 are 2.4 standard deviations. With 4 the weights of a steady
	// pool change twice as often, and with 9 a neighbour that moves on every 30 s costs
	// up to 0.1 of p99 more.
	LagNoise float64
	// LeastLag is the least memory of that mean in seconds: reports come every second
	// or so, and some are late.
	LeastLag float64
	// CapacitySpread is what capacities are taken to differ by from the configured
	// ones, as the standard deviation of the logarithm: 0.5 is a factor of 1.6. It
	// holds estimates where there is little to measure; less would hold them where
	// there is much, too.
	CapacitySpread float64
	// FirstDeviation is the standard deviation of a log capacity of which nothing is
	// known, and the largest that forgetting leads to. More learns sooner in the first
	// minute and starts with larger mistakes.
	FirstDeviation float64
	// FirstReportDeviation is the same of what reports show: more, as the first report
	// is a measurement already. In the first minute of unequal machines under HAProxy's
	// round robin, p99 over that of the known capacities is 3.3 with it and 7.6 with
	// FirstDeviation.
	FirstReportDeviation float64
	// Leak is by how much slower than the pool a backend may answer before it loses
	// more weight, as a share of the log capacity that it has lost already. See
	// [Constants.leakFor], which also says where there is none.
	Leak float64
	// Quiet is how many requests must be in flight at a backend, over QuietMemory
	// seconds, for its pace to be full evidence of how loaded it is. More is blind in
	// pools of small servers, less takes a distant server for an overloaded one.
	Quiet       float64
	QuietMemory float64
	// PaceMemory is how many seconds the pool's mean time in flight remembers.
	// Shorter, it is noise that all backends are compared with; longer, it is late
	// when requests become dearer.
	PaceMemory float64
	// DemandMemory is the same, in seconds, of what a request uses by the reports.
	DemandMemory float64
	// WorkMemory is over how many seconds a backend's work is averaged that a
	// surprise is measured by. Shorter, a moment without requests counts too much.
	WorkMemory float64
	// MaxSurprise is the largest quotient of done and expected that counts, above 1.
	// It bounds what one second can do.
	MaxSurprise float64

	// Noise of completions, see [noise].

	// BlockSeconds is how long completions are summed up before they are compared.
	// Shorter than requests take, what is begun in one and done in the next is taken
	// for noise; longer, a real change is.
	BlockSeconds float64
	// BlockMemory is how many blocks of each backend the measure remembers.
	BlockMemory float64
	// FirstDispersion, variance over mean, is believed at first, as if FirstWork
	// requests had shown it: about that of a mix where a few requests cost a hundred
	// times the others. Less would take a start with such a mix for differences
	// between servers; more is slow where requests are alike.
	FirstDispersion float64
	FirstWork       float64
	// LeastDispersion bounds how sure the law gets of what it sees.
	LeastDispersion float64
	// Outlier cuts a block's square at this many times what is expected: 9 is three
	// standard deviations.
	Outlier float64

	// Belief in reports, see [reportState.judge].

	// BelieveAbove and BelieveBelow are by how much a report may claim more or less
	// than latency shows, as logarithms. What overstates a capacity shows in latency,
	// so there is room; what understates it hardly does.
	BelieveAbove float64
	BelieveBelow float64
	// BelieveDeviations is how many of latency's standard deviations are added to
	// both: while latency is not sure of itself it convicts nobody.
	BelieveDeviations float64
	// SuddenMemory is how many seconds latency gets to show a change that reports show.
	SuddenMemory float64
	// BelieveAgain is the part of both within which a doubted report is believed
	// again, up to 1.
	BelieveAgain float64
	// LeastUtilization and MostUtilization are what a backend that works may report:
	// below, it reports nothing of use, above, it means per cents.
	LeastUtilization float64
	MostUtilization  float64
	// ReportLimit is the age at which a report no longer counts: ten of the usual
	// period, so that some may get lost.
	ReportLimit time.Duration

	// Reports that are only repeated, see [repetition].

	// OddReports in a row that should have said something else make a suspicion, and
	// as many of the same make a beginning.
	OddReports float64
	// OddChange is the change of utilization that cannot be lost: three times what
	// remains of whole per cents.
	OddChange float64
	// Full is the utilization from which on more work changes nothing.
	Full float64

	// Queues under round robin, see [queues].

	// QueueMemory is over how many seconds it is measured how long requests stay.
	QueueMemory float64
	// QueueMargin is how much slower than the others, as a logarithm, is not slow yet,
	// besides QueueDeviations of its noise; within QueueBack it is as good as they are.
	QueueMargin     float64
	QueueDeviations float64
	QueueBack       float64
	// QueueBest is how many seconds it takes to forget how quick a backend can be.
	QueueBest float64
	// QueuePace and QueuePaces make the time that no queue is worth being quicker
	// than: it takes a second until something can be seen, and as long as some
	// requests.
	QueuePace  float64
	QueuePaces float64
	// QueueFar is the part of that time that a backend may always be slower by. With
	// more, who is overloaded from the beginning would pass for far.
	QueueFar float64
	// GuardTakes and GuardGives are, per second, how fast a logarithm is taken away
	// and given back. Giving has to be far slower: a liar is tried again and again.
	GuardTakes float64
	GuardGives float64
	// GuardLimit is the most that is taken from or given to a backend that reports
	// nothing, as a logarithm: 1.4 is four.
	GuardLimit float64
	// RoundsApart is how many rounds of a proxy lie between changes of weights, up to
	// MostApart, see [rounds].
	RoundsApart float64
	MostApart   time.Duration

	// What is published.

	// EqualUntil is how far apart, as logarithms, the estimates of a pool must be for
	// it to leave its configured capacities, and EqualBelow how close for it to
	// return. Equal weights are better than almost equal ones: leastconn breaks ties
	// by weight, Envoy changes its algorithm.
	EqualUntil float64
	EqualBelow float64
	// MaxDeadband bounds how long a doubtful estimate is kept from moving a weight:
	// the deadband is DeadbandDeviations of the estimate's standard deviations, from
	// [Limits].Deadband to this, as a logarithm. More moves weights seldom and late.
	MaxDeadband        float64
	DeadbandDeviations float64
	// CalmVariance is the part of what a filter's variance would be, did it drift at all
	// times, below which nothing is happening to a backend: it gets there some 20 s
	// after it was opened, with a hundred requests a second. Then the deadband is
	// CalmDeadband times as wide at least.
	CalmVariance float64
	CalmDeadband float64
	// EqualWidth is the ratio, as a logarithm, below which weights are made exactly
	// equal: on equal machines 256 against 250 gives max/mean utilization 1.11 instead
	// of 1.00 under leastconn. EqualWidthLeastRequest is wider because Envoy changes to
	// a worse algorithm as soon as any two weights differ.
	EqualWidth             float64
	EqualWidthLeastRequest float64
	// EqualKeep is how far, as a logarithm, a group's mean may be from the value that
	// most of its members have before the whole group moves.
	EqualKeep float64

	// What is asked of a pool before anything learned is applied.

	// Patience is how many steps, since there were backends, weights stay as they were
	// found while it is not known what a pool serves: a predecessor may have learned
	// them. What it has noted of them is kept as long.
	Patience float64
	// ThinBelow is the number of requests in flight for each proxy and server below
	// which leastconn is said to ignore weights, ThinUntil the one from which it is no
	// longer said. Weights do not depend on them.
	ThinBelow float64
	ThinUntil float64
	// StaleDecay is the time constant with which a weight that nothing confirms
	// returns to the configured one. It is long beside a reporter's restart and short
	// beside a change of the pool.
	StaleDecay time.Duration
	// Panic is how many backends have to be usable for each one that is not, for
	// anything learned to be applied: 1 is half of the pool. Who is left has other
	// things to fear than weights that are a little wrong.
	Panic float64
	// SlowStartFirst is the share of its weight that a backend starts with, up to 1.
	// A cold one with all of it is the least loaded one and is sent everything.
	SlowStartFirst float64

	// What a pool serves, see [kindJudge].

	// LongLived and ShortLived are mean times in flight, in seconds, at which a pool
	// is taken for one of connections and again for one of requests. Requests that
	// long are as good as connections: what ends says little of who is loaded now.
	LongLived  float64
	ShortLived float64
	// LongWait is the mean time in flight, in seconds, from which on work that may be
	// connections is taken for such, until it is half of that. Envoy does not tell its
	// WebSockets from its requests; two thousand of them beside requests of 20 ms,
	// nothing reported, had p99 32 times what configured weights give where those were
	// right. Less would take slow requests for connections and not learn from them: at
	// 1, a thousand servers with requests of 0.5 s, p99 2.1 times what it can be.
	LongWait float64
	// UpgradeShare is the share of work that becomes a stream which makes a pool one
	// of connections, until it is half of that. Response times tell requests from
	// streams; where a proxy has none, BlindUpgradeShare is enough: a page of twenty
	// requests and one socket.
	UpgradeShare      float64
	BlindUpgradeShare float64
	// HoldShare is the share of work that becomes a stream, and MostHeld that of what
	// is in flight which response times do not account for, that make a pool one which
	// holds connections beside requests: a thousandth that stays for five minutes is
	// more than all the others that stay for 0.1 s.
	HoldShare float64
	MostHeld  float64
	// HeldMemory is over how many seconds it is found out what such a connection
	// costs ([heldCost]): as long as it takes shares to have been different for a while.
	HeldMemory float64
	// HeldDeviations is by how many standard deviations an estimate must be off to be
	// published where connections are held: in the first seconds, chance is.
	HeldDeviations float64
	// RefillMemory is over how many seconds it is counted how many connections come:
	// they come in bursts.
	RefillMemory float64
	// KindLeast is how many completions must have been seen before a pool counts as
	// one of requests, and how many must be missing before it counts as one of
	// connections for how long they stay. KindMemory is over how many seconds it is
	// averaged how long they do.
	KindLeast  float64
	KindMemory float64

	// Goals of long-lived connections, see [connections].

	// LeastGoal is the least share of its fair part that a backend is given.
	LeastGoal float64
	// GoalMemory is over how many seconds the dear connections' cost is averaged.
	GoalMemory float64
	// FewConnections is the count below which a cost per connection is noise.
	FewConnections float64

	// Failures, see [failures].

	// QuickHalfLife is after how long half of what was seen is forgotten where there
	// is traffic, to act at once: about two steps. SlowMemory is the time constant
	// where there is little, to act at all.
	QuickHalfLife time.Duration
	SlowMemory    time.Duration
	// EjectAbove is the share of failures, beyond EjectTimes the rest's, at which a
	// backend is ejected. Twice the rest, as a common failure is to eject nobody.
	EjectAbove float64
	EjectTimes float64
	// QuickLeast is failures a second, SlowLeast a number of failures: below them a
	// share says nothing.
	QuickLeast float64
	SlowLeast  float64
	// MostFails is the share of failures at which even the backend goes that has most
	// of the strength in service, up to 1.
	MostFails float64
	// DrownMemory is over how many seconds it is measured how long requests stay at
	// those that do not fail, and DrownTimes by how many times longer than before an
	// ejection is too long.
	DrownMemory float64
	DrownTimes  float64
	// MostFull is how full the rest may be, by load reports, for a backend to be
	// ejected that fails less than MostFails.
	MostFull float64
	// SpareAbove is the share of failures beyond the rest's at which a backend that is
	// not ejected gets less, and SpareLeast the least part that it keeps.
	SpareAbove float64
	SpareLeast float64

	// Ejection and the way back, see [ejection].

	// FirstDelay is how long an ejected backend is left alone at first, MaxDelay at
	// most; each failed attempt doubles it. An attempt costs some users an error, a
	// longer wait costs capacity.
	FirstDelay time.Duration
	MaxDelay   time.Duration
	// FirstPulse is how long it is opened to real requests at first, MaxPulse at most;
	// it doubles while nobody comes. It is to be some tens of requests at most.
	FirstPulse time.Duration
	MaxPulse   time.Duration
	// JudgeAfter is when a pulse is judged if something came back, JudgeAtLast if not.
	JudgeAfter  time.Duration
	JudgeAtLast time.Duration
	// GoodPulses is how many in a row must go well, with less than GoodShare failures.
	GoodPulses float64
	GoodShare  float64
}

// DefaultConstants are those that a pool uses.
func DefaultConstants() Constants {
	return Constants{
		LatencyDrift: 0.05, ReportDrift: 0.02, LatencyReopen: 2, ReportReopen: 3, CalmDrift: 0.3, LagNoise: 6, LeastLag: 5, CapacitySpread: 0.5, FirstDeviation: 0.3, FirstReportDeviation: 0.6, Leak: 0.2,
		Quiet: 2, QuietMemory: 10, PaceMemory: 30, DemandMemory: 10, WorkMemory: 10, MaxSurprise: 3,
		BlockSeconds: 4, BlockMemory: 40, FirstDispersion: 60, FirstWork: 20, LeastDispersion: 0.1, Outlier: 9,
		BelieveAbove: 0.4, BelieveBelow: 0.1, BelieveDeviations: 1, SuddenMemory: 5, BelieveAgain: 0.5,
		LeastUtilization: 0.002, MostUtilization: 8, ReportLimit: 10 * time.Second,
		OddReports: 10, OddChange: 0.03, Full: 0.97,
		QueueMemory: 10, QueueMargin: 0.22, QueueDeviations: 2, QueueBack: 0.05, QueueBest: 300,
		QueuePace: 1, QueuePaces: 4, QueueFar: 0.1, GuardTakes: 0.04, GuardGives: 0.001, GuardLimit: 1.4,
		RoundsApart: 5, MostApart: 10 * time.Second,
		EqualUntil: 0.2, EqualBelow: 0.1, MaxDeadband: 0.15, DeadbandDeviations: 1, CalmVariance: 0.4, CalmDeadband: 2,
		EqualWidth: 0.08, EqualWidthLeastRequest: 0.15, EqualKeep: 0.03,
		Patience: 10, ThinBelow: 0.9, ThinUntil: 1.1, StaleDecay: 30 * time.Second, Panic: 1, SlowStartFirst: 0.1,
		LongLived: 20, ShortLived: 10, LongWait: 2, UpgradeShare: 0.5, BlindUpgradeShare: 0.02, KindLeast: 20, KindMemory: 30,
		HoldShare: 0.001, MostHeld: 0.5, HeldMemory: 60, HeldDeviations: 2, RefillMemory: 5,
		LeastGoal: 0.02, GoalMemory: 10, FewConnections: 10,
		QuickHalfLife: time.Second, SlowMemory: 30 * time.Second, EjectAbove: 0.2, EjectTimes: 2,
		QuickLeast: 2, SlowLeast: 10, MostFails: 0.5, DrownMemory: 5, DrownTimes: 2, MostFull: 0.9, SpareAbove: 0.02, SpareLeast: 0.1,
		FirstDelay: 5 * time.Second, MaxDelay: time.Minute,
		FirstPulse: 50 * time.Millisecond, MaxPulse: 800 * time.Millisecond,
		JudgeAfter: time.Second, JudgeAtLast: 3 * time.Second, GoodPulses: 3, GoodShare: 0.2,
	}
}

// firstVariance is of a log capacity of which nothing is known.
func (k *Constants) firstVariance() float64 { return k.FirstDeviation * k.FirstDeviation }

// check returns an error for a value that no formula is made for.
func (k *Constants) check() error {
	all := reflect.ValueOf(*k)
	for i := range all.NumField() {
		value := math.NaN()
		switch field := all.Field(i); field.Kind() {
		case reflect.Float64:
			value = field.Float()
		case reflect.Int64:
			value = time.Duration(field.Int()).Seconds()
		}
		if !(value > 0) || math.IsInf(value, 0) {
			return fmt.Errorf("constant %s %v: must be above 0", all.Type().Field(i).Name, all.Field(i))
		}
	}
	return nil
}
