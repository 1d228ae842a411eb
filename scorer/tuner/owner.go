package tuner

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// owner is the one goroutine that touches the pool.
type owner struct {
	*Tuner
	model *model
	// current are the pool's backends, as they were delivered.
	current []scorer.Backend
	// asked counts the targets that have not yet said what is in force;
	// waited counts the ticks that the first step was put off for them.
	asked, waited int
	answered      []bool
	// missed is that a target's not following has been told.
	missed []bool

	now       Snapshot
	reported  uint64
	newest    time.Time
	unmatched uint64
	// noted are the notes in force, by target and backend.
	noted map[[2]string]string
	// remembered is when the memory was last handed out; stirred asks for it
	// before its time.
	remembered time.Time
	stirred    bool
	// moving is that it was told that connections are asked to reconnect.
	moving bool
	// drained are the drains that were told to be over, by backend, with the order's
	// time.
	drained map[string]time.Time
}

func newOwner(t *Tuner) *owner {
	o := &owner{
		Tuner: t, model: newModel(&t.options),
		asked: len(t.workers), answered: make([]bool, len(t.workers)), missed: make([]bool, len(t.workers)), noted: map[[2]string]string{},
		drained: map[string]time.Time{},
	}
	o.now = *t.Snapshot()
	o.now.Targets = slices.Clone(o.now.Targets)
	o.remembered = o.now.Started
	if len(t.options.Backends) > 0 {
		o.setBackends(t.options.Backends)
	}
	return o
}

func (o *owner) run(ctx context.Context) {
	// A plan that changes nothing asks the targets what they have.
	for _, w := range o.workers {
		w.mailbox.offer(scorer.Plan{Mode: scorer.DryRun})
	}
	var handed <-chan []ShedResult
	if o.shedder != nil {
		handed = o.shedder.done
	}
	ticker := time.NewTicker(o.options.Tick)
	defer ticker.Stop()
	defer o.model.end()
	for {
		select {
		case <-ctx.Done():
			o.remember()
			return
		case c := <-o.commands:
			out := o.command(c.Command)
			o.publish()
			c.done <- out
		case r := <-o.reports:
			o.observe(r)
			for range len(o.reports) { // one wake-up for all that are there
				o.observe(<-o.reports)
			}
		case b := <-o.backends:
			o.setBackends(b)
		case c := <-o.Tuner.taps:
			o.model.change(c)
		case answer := <-o.queries:
			answer <- o.model.pool.Learned()
		case answer := <-o.estimates:
			answer <- o.model.pool.EstimateShed()
		case results := <-handed:
			o.handed(results)
			o.publish()
		case r := <-o.Tuner.probed:
			o.probed(r)
		case r := <-o.results:
			o.applied(r)
			o.publish()
		case now := <-ticker.C:
			o.step(now)
			o.publish()
			o.model.admit()
			if every := o.options.MemoryEvery; every > 0 && (o.stirred || now.Sub(o.remembered) >= every) {
				o.remember()
			}
		}
	}
}

func (o *owner) observe(r scorer.Report) {
	o.reported++
	if r.At.After(o.newest) {
		o.newest = r.At
	}
	if !o.model.observe(r) && len(o.current) > 0 {
		o.unmatched++
		if o.unmatched == 1 {
			o.log.Warn("report of a backend that is not in the pool", "backend", r.Backend, "origin", r.Origin)
		}
	}
}

func (o *owner) setBackends(b []scorer.Backend) {
	o.model.setBackends(b)
	o.current = b
	// What a target has of those that are new may have been said before.
	for i := range o.now.Targets {
		if t := &o.now.Targets[i]; len(t.InForce.Shares) > 0 {
			o.model.setInForce(t.Name, t.InForce)
		}
	}
}

func (o *owner) remember() {
	o.remembered, o.stirred = time.Now(), false
	if o.options.OnMemory != nil && o.now.Plan.Seq > 0 {
		o.options.OnMemory(o.model.pool.Memory())
	}
}

func (o *owner) applied(r result) {
	if !o.answered[r.index] {
		o.answered[r.index] = true
		o.asked--
	}
	status := &o.now.Targets[r.index]
	status.LastApply = r.took
	status.Applies++
	status.InSync, status.LastError = r.err == nil, ""
	if r.err != nil {
		status.Failures++
		status.LastError = r.err.Error()
	} else {
		status.AppliedSeq = r.seq
	}
	if len(r.inForce.Shares) > 0 {
		o.compareInForce(status.Name, &status.InForce, &r.inForce)
		status.InForce = r.inForce
	}
	o.model.setInForce(status.Name, r.inForce)
	o.tell(r.index, status)
}

// tell says when a target stops following and when it follows again. One that has
// not followed yet has some time: its clients have to find their way first.
func (o *owner) tell(index int, status *TargetStatus) {
	early := status.AppliedSeq == 0 && status.Applies <= grace
	switch {
	case status.LastError != "" && !o.missed[index] && !early:
		o.missed[index] = true
		o.log.Error("target does not follow", "target", status.Name, "error", status.LastError)
		o.event(Event{Kind: EventTarget, Target: status.Name, Text: "does not follow: " + status.LastError})
	case status.LastError == "" && o.missed[index]:
		o.missed[index] = false
		o.log.Info("target follows again", "target", status.Name)
		o.event(Event{Kind: EventTarget, Target: status.Name, Text: "follows again"})
	}
}

// compareInForce finds out what happened at a data plane besides.
func (o *owner) compareInForce(target string, before, now *scorer.InForce) {
	if len(before.Shares) > 0 && before.Process != now.Process {
		o.event(Event{Kind: EventProxy, Target: target, Text: "was restarted or reloaded; weights are set again"})
	}
	for i := range now.Shares {
		s := &now.Shares[i]
		if s.Note == "" && len(o.noted) == 0 {
			continue
		}
		key := [2]string{target, s.Backend}
		was := o.noted[key]
		switch {
		case s.Note == was:
			continue
		case s.Note == "":
			delete(o.noted, key)
			o.event(Event{Kind: EventNote, Backend: s.Backend, Target: target, Text: "no longer: " + was})
		default:
			o.noted[key] = s.Note
			o.event(Event{Kind: EventNote, Backend: s.Backend, Target: target, Text: s.Note})
		}
	}
}

func (o *owner) step(now time.Time) {
	if len(o.current) == 0 {
		return
	}
	if o.asked > 0 && o.waited < patience {
		o.waited++
		return
	}
	// What has arrived by now belongs to this step.
	for range len(o.reports) {
		o.observe(<-o.reports)
	}
	began := time.Now()
	plan := o.model.step(now)
	o.now.StepTime = time.Since(began)
	o.count(o.now.Plan.Decisions, plan.Decisions)
	if o.now.Plan.Law != plan.Law && o.now.Plan.Seq > 0 {
		o.event(Event{Kind: EventLaw, Text: "law " + plan.Law + ": " + plan.LawWhy})
	}
	o.now.Plan = plan
	for _, w := range o.workers {
		w.mailbox.offer(plan)
	}
	o.probe(plan)
	o.shed(plan)
	o.followShedding(&plan)
}

// count notes what has changed from one plan to the next, in the log and in
// numbers. Both are sorted by backend.
func (o *owner) count(before, plan []scorer.Decision) {
	for i := range plan {
		d := &plan[i]
		for len(before) > 0 && before[0].Backend < d.Backend {
			before = before[1:]
		}
		if len(before) == 0 || before[0].Backend != d.Backend {
			o.log.Debug("weight", "backend", d.Backend, "weight", d.Weight, "why", d.Why)
			continue
		}
		o.compare(&before[0], d)
	}
}

func (o *owner) compare(before, d *scorer.Decision) {
	if before.State != d.State {
		o.log.Info("backend changes state", "backend", d.Backend,
			"from", before.State.String(), "to", d.State.String(), "why", d.Why)
		o.stirred = true
		o.event(Event{
			Kind: EventState, Backend: d.Backend,
			Text: before.State.String() + " → " + d.State.String() + ": " + d.Why,
		})
		if d.State == scorer.StateEjected {
			o.now.Ejections++
		}
	}
	o.followDrain(before, d)
	moved := math.Abs(before.Weight - d.Weight)
	if moved > 0.01*before.Weight {
		o.now.Moves++
	}
	if before.State != d.State || moved > 0.05*before.Weight {
		o.log.Debug("weight", "backend", d.Backend, "weight", d.Weight, "why", d.Why)
	}
}

func (o *owner) publish() {
	s := o.now
	s.Targets = slices.Clone(s.Targets)
	s.Sources = make([]SourceStatus, len(o.inputs))
	for i, in := range o.inputs {
		s.Sources[i] = in.status()
	}
	s.Reports, s.LastReport, s.Unmatched = o.reported, o.newest, o.unmatched
	o.snapshot.Store(&s)
	if o.options.OnStep != nil {
		o.options.OnStep(&s)
	}
}
