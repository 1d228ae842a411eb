package daemon

import (
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/notify/webhook"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// scaleNews is what a webhook is told: a pool's scale advice as the status has it.
type scaleNews struct {
	Pool string    `json:"pool"`
	At   time.Time `json:"at"`
	status.Scale
}

// eventScale is another number of backends that is wanted.
const eventScale tuner.EventKind = "scale"

// scaleWatch tells of advice that changes. One goroutine, the pool's owner, calls
// take.
type scaleWatch struct {
	hook    *webhook.Sender // nil without one
	onEvent func(tuner.Event)
	told    scorer.ScaleAdvice
	seq     uint64
}

func newScaleWatch(c config.Pool, o Options) *scaleWatch {
	if c.Scale == nil {
		return nil
	}
	w := &scaleWatch{onEvent: o.OnEvent}
	if h := c.Scale.Webhook; h != nil {
		w.hook = webhook.New(webhook.Options{URL: h.URL, TokenFile: h.TokenFile, Logger: o.Logger.With("pool", c.Name)})
	}
	return w
}

// take looks at the newest plan. What is told is how many there are and should be;
// the rest moves all the time.
func (w *scaleWatch) take(plan *scorer.Plan) {
	if w == nil || plan.Scale == nil || plan.Seq == w.seq || !plan.Scale.Known {
		return
	}
	w.seq = plan.Seq
	a := *plan.Scale
	if a.Wanted == w.told.Wanted && a.Backends == w.told.Backends && (a.Spare == "") == (w.told.Spare == "") {
		return
	}
	if w.onEvent != nil && w.told.Known && a.Wanted != w.told.Wanted {
		w.onEvent(tuner.Event{At: plan.At, Kind: eventScale, Pool: plan.Pool, Text: status.ScaleLine(status.ScaleOf(&a))})
	}
	w.told = a
	if w.hook != nil {
		w.hook.Offer(scaleNews{Pool: plan.Pool, At: plan.At.UTC(), Scale: *status.ScaleOf(&a)})
	}
}

// Webhooks says how telling of scale advice goes.
func (f *Fleet) Webhooks() []web.Webhook {
	var out []web.Webhook
	for _, p := range *f.pools.Load() {
		if p.scale != nil && p.scale.hook != nil {
			out = append(out, web.Webhook{Pool: p.config.Name, Status: p.scale.hook.Status()})
		}
	}
	return out
}
