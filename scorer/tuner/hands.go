package tuner

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Hands ask open connections to reconnect where a plan wants that.
//
// Shed does what the decisions of p ask for ([scorer.Shed]), evenly until the time
// given, and returns what has become of it: at least one result for each decision
// that asks for anybody. It does not change p, is never called concurrently with
// itself, and returns soon after ctx ends.
type Hands interface {
	Shed(ctx context.Context, p scorer.Plan, until time.Time) []ShedResult
}

// ShedResult is what one of those who close connections has done.
type ShedResult struct {
	scorer.Closed
	// Err is why it was not all that was asked for, nil when nothing stood in the way.
	Err error
}

// ShedStatus is what has become of asking a backend's connections to reconnect.
type ShedStatus struct {
	// Closed counts connections since the start, Failures the plans that were not
	// carried out as they should be.
	Closed, Failures uint64
	// LastError is the newest failure, "" after a success and when a backend that is
	// drained holds nothing any more.
	LastError string
}

// shedder carries plans to the hands. While they are busy, newer plans replace each
// other.
type shedder struct {
	hands         Hands
	tick, timeout time.Duration
	mailbox       mailbox[scorer.Plan]
	done          chan []ShedResult
}

func newShedder(o *Options) *shedder {
	return &shedder{
		hands: o.Hands, tick: o.Tick, timeout: o.ApplyTimeout,
		mailbox: newMailbox[scorer.Plan](), done: make(chan []ShedResult),
	}
}

func (s *shedder) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-s.mailbox:
			results := s.carryOut(ctx, p)
			select {
			case <-ctx.Done():
				return
			case s.done <- results:
			}
		}
	}
}

func (s *shedder) carryOut(ctx context.Context, p scorer.Plan) []ShedResult {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	return s.hands.Shed(ctx, p, p.At.Add(s.tick))
}

// shed has a plan carried out that asks for connections to be closed.
func (o *owner) shed(plan scorer.Plan) {
	if plan.Mode != scorer.Active || !asks(&plan) {
		return
	}
	if o.options.Hands == nil {
		o.nobodyShed(&plan)
		return
	}
	select {
	case missed := <-o.shedder.mailbox:
		o.nobodyShed(&missed)
	default:
	}
	o.shedder.mailbox <- plan // there is room: nobody else puts plans in
}

func asks(plan *scorer.Plan) bool {
	for i := range plan.Decisions {
		if plan.Decisions[i].Shed.Count > 0 {
			return true
		}
	}
	return false
}

// nobodyShed tells the pool that a plan has come to nothing: it would count those
// connections as on their way.
func (o *owner) nobodyShed(plan *scorer.Plan) {
	for i := range plan.Decisions {
		if d := &plan.Decisions[i]; d.Shed.Count > 0 {
			o.model.closed(scorer.Closed{Backend: d.Backend, Seq: plan.Seq, At: plan.At})
		}
	}
}

// handed takes what the hands have done for a plan.
func (o *owner) handed(results []ShedResult) {
	now := maps.Clone(o.now.Shed)
	if now == nil {
		now = map[string]ShedStatus{}
	}
	failures := map[string]error{}
	for _, r := range results {
		o.model.closed(r.Closed)
		status := now[r.Backend]
		status.Closed += uint64(max(r.Count, 0))
		now[r.Backend] = status
		failures[r.Backend] = errors.Join(failures[r.Backend], r.Err)
	}
	for backend, err := range failures {
		status := now[backend]
		o.tellShed(backend, &status, err)
		now[backend] = status
	}
	maps.DeleteFunc(now, func(backend string, _ ShedStatus) bool { return !o.has(backend) })
	o.now.Shed = now
}

// tellShed says once when connections cannot be closed, and when they can again.
func (o *owner) tellShed(backend string, status *ShedStatus, err error) {
	failed := status.LastError != ""
	status.LastError = ""
	if err != nil {
		status.Failures++
		status.LastError = err.Error()
	}
	switch {
	case err != nil && !failed:
		o.log.Error("connections are not asked to leave as they should be", "backend", backend, "error", err)
		o.event(Event{Kind: EventShed, Backend: backend, Text: "connections are not asked to leave as they should be: " + err.Error()})
	case err == nil && failed:
		o.log.Info("connections are asked to leave again", "backend", backend)
		o.event(Event{Kind: EventShed, Backend: backend, Text: "connections are asked to leave again"})
	}
}
