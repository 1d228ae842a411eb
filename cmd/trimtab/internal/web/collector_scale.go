package web

import (
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/notify/webhook"
	"github.com/trimtab-lb/trimtab/scorer"
)

// Webhook is how telling of a pool's scale advice goes.
type Webhook struct {
	Pool string
	webhook.Status
}

func (w *writer) scale(pool string, a *scorer.ScaleAdvice) {
	if a == nil {
		return
	}
	w.send("trimtab_pool_backends", float64(a.Backends), pool)
	if !a.Known {
		return
	}
	w.send("trimtab_wanted_backends", float64(a.Wanted), pool)
	w.send("trimtab_pool_utilization_ratio", a.Utilization, pool)
	w.send("trimtab_pool_expected_utilization_ratio", a.Ahead, pool)
}

func (w *writer) webhook(h Webhook) {
	w.send("trimtab_webhook_tries_total", float64(h.Tries), h.Pool)
	w.send("trimtab_webhook_failures_total", float64(h.Failures), h.Pool)
}
