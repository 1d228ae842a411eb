package scorer

import "math"

// kindJudge finds out whether a pool's work is requests, whose time shows the
// backend's speed, or long-lived connections, whose time shows only how long
// clients stay.
type kindJudge struct {
	kind Kind
	// holds is that what is in flight is mostly connections that are held beside the
	// requests, and shows nothing.
	holds bool
	// waits is that work is in flight for so long that it may be connections,
	// which the proxies do not tell from requests.
	waits    bool
	pace     pace
	upgrades pace
	// handled is what is in flight by the response times, over what is.
	handled pace
	// refill is how many connections come a second, over those in flight.
	refill    pace
	completed float64
}

const (
	// longLived and shortLived are mean times in flight, in seconds, at which a
	// pool is taken for one of connections and again for one of requests.
	longLived  = 20
	shortLived = 10
	// longWait and shortWait are the mean times in flight, in seconds, at which
	// work that may be connections is taken for such, and again for requests. Envoy
	// does not tell its WebSockets from its requests; two thousand of them beside
	// requests of 20 ms, nothing reported, had trimtab make p99 32 times what
	// configured weights give where those were right.
	longWait  = 1
	shortWait = 0.5
	// upgradeShare is the share of work that becomes a stream which makes a pool
	// one of connections. Response times tell requests from streams; where a
	// proxy has none, blindUpgradeShare is enough: a page of twenty requests and
	// one socket.
	upgradeShare      = 0.5
	blindUpgradeShare = 0.02
	// holdShare is the share of work that becomes a stream, and mostHeld that of what
	// is in flight which response times do not account for, that make a pool one which
	// holds connections beside requests: a thousandth that stays for five minutes is
	// more than all the others that stay for 0.1 s.
	holdShare = 0.001
	mostHeld  = 0.5
	// kindLeast is how many completions must have been seen before a pool
	// counts as one of requests.
	kindLeast = 20
	// kindMemory is the judge's memory in seconds, refillMemory that of how many
	// connections come: they come in bursts.
	kindMemory   = 30
	refillMemory = 5
)

func newKindJudge(configured Kind) kindJudge {
	if configured == "" {
		configured = KindAuto
	}
	return kindJudge{kind: configured, pace: newPace(kindMemory), upgrades: newPace(kindMemory), handled: newPace(kindMemory), refill: newPace(refillMemory)}
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
func (k *kindJudge) judge(configured Kind, t *tally) Kind {
	if math.IsNaN(t.inFlight) || math.IsNaN(t.completed) || t.seconds <= 0 {
		return k.kind
	}
	upgrades := t.upgrades
	if math.IsNaN(upgrades) {
		upgrades = 0
	}
	k.completed += t.completed * t.seconds
	k.refill.add(upgrades, t.inFlight, t.seconds)
	stay := k.pace.add(t.inFlight, t.completed, t.seconds)
	// Streams are counted when they open and completions when they end, so in
	// a pool that fills up there may be more of the first.
	streams := k.upgrades.add(upgrades, max(t.completed, upgrades), t.seconds)
	held := 1 - k.handled.add(t.handled, t.inFlight, t.seconds)
	many := upgradeShare
	if !t.timed {
		many = blindUpgradeShare
	}
	switch {
	case configured == KindRequests || configured == KindConnections:
	case stay > longLived || streams > many:
		k.kind = KindConnections
	case (k.kind != KindConnections || stay < shortLived) && k.completed >= kindLeast && streams <= many/2:
		k.kind = KindRequests
	}
	if configured != KindRequests {
		k.holds = t.timed && held > mostHeld && (streams > holdShare || k.holds && streams > holdShare/2)
		k.waits = !t.told && (stay > longWait || k.waits && stay > shortWait)
	}
	return k.kind
}

// stay is the mean time in flight in seconds, by Little's law.
func (k *kindJudge) stay() float64 { return k.pace.top.value / k.pace.bottom.value }
