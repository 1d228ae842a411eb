package scorer

import "math"

// kindJudge finds out whether a pool's work is requests, whose time shows the
// backend's speed, or long-lived connections, whose time shows only how long
// clients stay.
type kindJudge struct {
	kind      Kind
	pace      pace
	upgrades  pace
	completed float64
}

const (
	// longLived and shortLived are mean times in flight, in seconds, at which a
	// pool is taken for one of connections and again for one of requests.
	longLived  = 20
	shortLived = 10
	// upgradeShare is the share of work that becomes a stream which makes a
	// pool one of connections: a page of twenty requests and one socket is.
	upgradeShare = 0.02
	// kindLeast is how many completions must have been seen before a pool
	// counts as one of requests.
	kindLeast = 20
	// kindMemory is the judge's memory in seconds.
	kindMemory = 30
)

func newKindJudge(configured Kind) kindJudge {
	if configured == "" {
		configured = KindAuto
	}
	return kindJudge{kind: configured, pace: newPace(kindMemory), upgrades: newPace(kindMemory)}
}

// recall starts from what a predecessor had found, unless it is configured.
func (k *kindJudge) recall(configured, found Kind) {
	auto := configured == "" || configured == KindAuto
	if auto && (found == KindRequests || found == KindConnections) {
		k.kind = found
	}
}

// judge takes a step's sums over the pool and returns the kind, KindAuto while
// too little was seen to say.
func (k *kindJudge) judge(configured Kind, inFlight, completed, upgrades, seconds float64) Kind {
	if configured == KindRequests || configured == KindConnections {
		return configured
	}
	if math.IsNaN(inFlight) || math.IsNaN(completed) || seconds <= 0 {
		return k.kind
	}
	if math.IsNaN(upgrades) {
		upgrades = 0
	}
	k.completed += completed * seconds
	stay := k.pace.add(inFlight, completed, seconds)
	// Streams are counted when they open and completions when they end, so in
	// a pool that fills up there may be more of the first.
	streams := k.upgrades.add(upgrades, max(completed, upgrades), seconds)
	switch {
	case stay > longLived || streams > upgradeShare:
		k.kind = KindConnections
	case (k.kind != KindConnections || stay < shortLived) && k.completed >= kindLeast && streams <= upgradeShare/2:
		k.kind = KindRequests
	}
	return k.kind
}

// stay is the mean time in flight in seconds, by Little's law.
func (k *kindJudge) stay() float64 { return k.pace.top.value / k.pace.bottom.value }
