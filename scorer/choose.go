package scorer

import (
	"fmt"
	"math"
)

// choice is the law that a pool follows and the reason for it.
type choice struct {
	name, why string
	law       Law
	// waits is why weights stay as they are for now, becauseNothing where they do not.
	waits cause
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
		return p.patiently(c, becauseAwaited)
	case p.other != nil:
		return choice{name: p.config.Law, why: "configured: " + p.config.Law, law: p.other}
	case e.kind == KindConnections && e.awaited:
		return choice{name: lawConnections, why: "long-lived connections: as before the restart, until utilization is reported again", law: p.static, waits: becauseKept}
	case e.kind == KindConnections && e.reported:
		return choice{name: lawConnections, why: "long-lived connections: shares leave room for what the dear ones use, by reported utilization", law: p.goals}
	case e.kind == KindConnections:
		return configured(fmt.Sprintf("long-lived connections%s: how long they stay says nothing of a backend's strength, and no utilization is reported", describeStay(e.stay)))
	case e.kind == KindAuto:
		return p.patiently(configured("too little has completed to tell what the pool serves"), becauseFound)
	case e.feedback && e.waits && (e.reported || e.awaited):
		p.capacity.witness = byReports
		return choice{name: LawCapacity, why: fmt.Sprintf("capacity learned from reported utilization alone: what is in flight%s is held or waits, which says nothing of strength", describeStay(e.stay)), law: p.capacity}
	case !e.feedback:
		p.capacity.witness = byQueues
		why := "capacity learned from how requests queue: under round robin nothing else shows it, as no utilization is reported"
		if e.reported || e.awaited {
			why = "capacity learned from reported utilization, and from how requests queue: under round robin latency shows queues, not strength"
		}
		return choice{name: LawCapacity, why: why, law: p.capacity}
	}
	if e.waits && !e.reported {
		c := configured(fmt.Sprintf("what is in flight%s may be connections that are held, which say nothing of strength, and no utilization is reported; kind: requests says that it is not", describeStay(e.stay)))
		// What was learned before is kept: in overload work waits for long, too.
		if float64(p.steps) > 2*p.constants.KindMemory {
			c.waits = becauseHeld
		}
		return c
	}
	p.capacity.witness = byBoth
	if e.reported {
		return choice{name: LawCapacity, why: "capacity learned from in-flight and completions, and from reported utilization where the two agree", law: p.capacity}
	}
	return choice{name: LawCapacity, why: "capacity learned from in-flight and completions", law: p.capacity}
}

// patiently leaves weights as they were found during the first steps.
func (p *Pool) patiently(c choice, why cause) choice {
	if float64(p.steps) <= p.constants.Patience {
		c.waits = why
	}
	return c
}

func describeStay(seconds float64) string {
	if math.IsNaN(seconds) || math.IsInf(seconds, 0) {
		return ""
	}
	return fmt.Sprintf(" (%.3g s each)", seconds)
}
