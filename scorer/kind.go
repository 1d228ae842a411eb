package scorer

import "math"

// kindJudge finds out whether a pool's work is requests, whose time shows the
// backend's speed, or long-lived connections, whose time shows only how long
// clients stay.
type kindJudge struct {
	constants *Constants
	kind      Kind
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
	refill pace
	// completed is how many completions there were, and due how many there would have
	// been had all that was in flight stayed for just Constants.LongLived.
	completed, due float64
}

func newKindJudge(configured Kind, k *Constants) kindJudge {
	if configured == "" {
		configured = KindAuto
	}
	return kindJudge{
		constants: k, kind: configured, pace: newPace(k.KindMemory), upgrades: newPace(k.KindMemory),
		handled: newPace(k.KindMemory), refill: newPace(k.RefillMemory),
	}
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
	k.due += t.inFlight * t.seconds / k.constants.LongLived
	k.refill.add(upgrades, t.inFlight, t.seconds)
	stay := k.pace.add(t.inFlight, t.completed, t.seconds)
	// Streams are counted when they open and completions when they end, so in
	// a pool that fills up there may be more of the first.
	streams := k.upgrades.add(upgrades, max(t.completed, upgrades), t.seconds)
	held := 1 - k.handled.add(t.handled, t.inFlight, t.seconds)
	c := k.constants
	many := c.UpgradeShare
	if !t.timed {
		many = c.BlindUpgradeShare
	}
	switch {
	case configured == KindRequests || configured == KindConnections:
	case stay > c.LongLived && k.due >= c.KindLeast || streams > many:
		k.kind = KindConnections
	case (k.kind != KindConnections || stay < c.ShortLived) && k.completed >= c.KindLeast && streams <= many/2:
		k.kind = KindRequests
	}
	if configured != KindRequests {
		k.holds = t.timed && held > c.MostHeld && (streams > c.HoldShare || k.holds && streams > c.HoldShare/2)
		k.waits = !t.told && (stay > c.LongWait || k.waits && stay > c.LongWait/2)
	}
	return k.kind
}

// stay is the mean time in flight in seconds, by Little's law.
func (k *kindJudge) stay() float64 { return k.pace.top.value / k.pace.bottom.value }
