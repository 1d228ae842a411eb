package scorer

import (
	"fmt"
	"math"
)

// choice is the law that a pool follows and the reason for it.
type choice struct {
	name, why string
	law       Law
	// waits is that nothing is known so far, so that weights stay as found.
	waits bool
}

// evidence is what the choice of a law depends on.
type evidence struct {
	kind     Kind
	stay     float64 // mean time in flight, seconds
	holds    bool    // what is in flight is mostly connections, and response times tell them from requests
	waits    bool    // what is in flight says little of a backend's strength
	feedback bool    // some target balances by the work in flight
	fixed    bool    // no target takes weights
	reported bool    // some backend reports its utilization
	awaited  bool    // the like, and counts, are yet to come again after a restart
}

// lawConnections is what auto and capacity mean for long-lived connections of
// which utilization is reported.
const lawConnections = "connections"

func (p *Pool) choose(e evidence) choice {
	configured := func(why string) choice { return choice{name: LawStatic, why: why, law: p.static} }
	// Where the algorithm has no feedback, what a backend holds takes no requests from
	// it, and what waits in its queue would pass for held.
	p.capacity.holds = e.holds && e.feedback
	switch {
	case p.config.Law == LawStatic:
		return configured("configured: the configured capacities")
	case e.fixed:
		return configured("the balancing algorithm takes no weights while running")
	case p.other != nil && !e.reported:
		c := configured("configured: " + p.config.Law + ", which needs reports of utilization, and none has come")
		c.waits = float64(p.seq) <= p.constants.Patience
		return c
	case p.other != nil:
		return choice{name: p.config.Law, why: "configured: " + p.config.Law, law: p.other}
	case e.kind == KindConnections && e.awaited:
		return choice{name: lawConnections, why: "long-lived connections: as before the restart, until utilization is reported again", law: p.static, waits: true}
	case e.kind == KindConnections && e.reported:
		return choice{name: lawConnections, why: "long-lived connections: shares leave room for what the dear ones use, by reported utilization", law: p.goals}
	case e.kind == KindConnections:
		return configured(fmt.Sprintf("long-lived connections%s: how long they stay says nothing of a backend's strength, and no utilization is reported", describeStay(e.stay)))
	case e.kind == KindAuto:
		c := configured("too little has completed to tell what the pool serves")
		c.waits = float64(p.seq) <= p.constants.Patience
		return c
	case e.feedback && e.waits && (e.reported || e.awaited):
		p.capacity.witness = byReports
		return choice{name: LawCapacity, why: fmt.Sprintf("capacity learned from reported utilization alone: what is in flight%s is held or waits, which says nothing of strength", describeStay(e.stay)), law: p.capacity}
	case !e.feedback && (e.reported || e.awaited):
		p.capacity.witness = byReports
		return choice{name: LawCapacity, why: "capacity learned from reported utilization alone: under round robin latency shows queues, not strength", law: p.capacity}
	case !e.feedback && p.config.Law == LawAuto:
		return configured("round robin without reported utilization: latency there shows queues, not strength; balancing by work in flight, or reports, would let weights be learned")
	}
	if e.waits && !e.reported {
		c := configured(fmt.Sprintf("what is in flight%s may be connections that are held, which say nothing of strength, and no utilization is reported; kind: requests says that it is not", describeStay(e.stay)))
		// What was learned before is kept: in overload work waits for long, too.
		c.waits = float64(p.seq) > 2*p.constants.KindMemory
		return c
	}
	p.capacity.witness = byBoth
	if e.reported {
		return choice{name: LawCapacity, why: "capacity learned from in-flight and completions, and from reported utilization where the two agree", law: p.capacity}
	}
	return choice{name: LawCapacity, why: "capacity learned from in-flight and completions", law: p.capacity}
}

func describeStay(seconds float64) string {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) {
		return ""
	}
	return fmt.Sprintf(" (%.3g s each)", seconds)
}
