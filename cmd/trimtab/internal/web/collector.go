package web

import (
	"math"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// collector makes metrics of the snapshots when it is asked for them, so that
// nothing has to be taken back when a pool or a backend goes.
type collector struct {
	options  Options
	families []family
	desc     map[string]*prometheus.Desc
	kind     map[string]prometheus.ValueType
}

func newCollector(o Options) *collector {
	c := &collector{
		options: o, families: families(),
		desc: map[string]*prometheus.Desc{}, kind: map[string]prometheus.ValueType{},
	}
	for _, f := range c.families {
		c.desc[f.name] = prometheus.NewDesc(f.name, f.help, f.labels, nil)
		c.kind[f.name] = f.kind
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, f := range c.families {
		out <- c.desc[f.name]
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	w := &writer{collector: c, out: out, sent: map[string]bool{}}
	w.send("trimtab_build_info", 1, build(c.options.Version)...)
	for _, s := range c.options.Snapshots() {
		if s != nil {
			w.pool(s)
		}
	}
	if c.options.Polls != nil {
		for _, p := range c.options.Polls() {
			w.polls(p)
		}
	}
	if c.options.Webhooks != nil {
		for _, h := range c.options.Webhooks() {
			w.webhook(h)
		}
	}
	if c.options.Proxies != nil {
		for _, p := range c.options.Proxies() {
			w.proxy(p)
		}
	}
	if c.options.Listeners != nil {
		for _, l := range c.options.Listeners() {
			w.listener(l)
		}
	}
	if c.options.Assignments != nil {
		for _, a := range c.options.Assignments() {
			w.assignments(a)
		}
	}
	if c.options.XDS != nil {
		w.xds(c.options.XDS(), time.Now())
	}
	if c.options.ConfigState != nil {
		w.config(c.options.ConfigState())
	}
}

// writer sends the metrics of one scrape.
type writer struct {
	*collector
	out  chan<- prometheus.Metric
	sent map[string]bool
}

// send leaves out what is not known, and what has been sent: one pair of
// targets of the same name would otherwise fail the whole scrape.
func (w *writer) send(name string, v float64, labels ...string) {
	for i, l := range labels {
		labels[i] = strings.ToValidUTF8(l, "?")
	}
	key := name + "\xff" + strings.Join(labels, "\xff")
	if math.IsNaN(v) || w.sent[key] {
		return
	}
	w.sent[key] = true
	m, err := prometheus.NewConstMetric(w.desc[name], w.kind[name], v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(w.desc[name], err)
	}
	w.out <- m
}

func (w *writer) pool(s *tuner.Snapshot) {
	pool := s.Plan.Pool
	w.send("trimtab_pool_steps_total", float64(s.Plan.Seq), pool)
	w.send("trimtab_pool_moves_total", float64(s.Moves), pool)
	w.send("trimtab_pool_ejections_total", float64(s.Ejections), pool)
	w.send("trimtab_pool_reports_total", float64(s.Reports), pool)
	w.send("trimtab_pool_unmatched_reports_total", float64(s.Unmatched), pool)
	w.send("trimtab_pool_last_report_timestamp_seconds", timestamp(s.LastReport), pool)
	for _, mode := range []scorer.Mode{scorer.Active, scorer.DryRun, scorer.Frozen} {
		w.send("trimtab_pool_mode", truth(mode == s.Plan.Mode), pool, mode.String())
	}
	if s.Plan.Seq > 0 {
		w.send("trimtab_pool_imbalance", s.Plan.Imbalance, pool)
		w.send("trimtab_pool_law", 1, pool, s.Plan.Law)
		w.send("trimtab_pool_last_step_timestamp_seconds", timestamp(s.Plan.At), pool)
		w.send("trimtab_pool_step_duration_seconds", s.StepTime.Seconds(), pool)
	}
	w.scale(pool, s.Plan.Scale)
	w.shedding(pool, s)
	for _, d := range s.Plan.Decisions {
		w.backend(pool, d)
	}
	for _, t := range s.Targets {
		w.target(pool, t)
	}
	for _, src := range s.Sources {
		w.send("trimtab_source_restarts_total", float64(src.Restarts), pool, src.Name)
	}
}

func (w *writer) backend(pool string, d scorer.Decision) {
	w.send("trimtab_backend_weight", d.Weight, pool, d.Backend)
	w.send("trimtab_backend_score", d.Score, pool, d.Backend)
	w.send("trimtab_backend_utilization_ratio", d.Utilization, pool, d.Backend)
	w.send("trimtab_backend_in_flight", d.InFlight, pool, d.Backend)
	w.send("trimtab_backend_request_rate", d.RPS, pool, d.Backend)
	w.send("trimtab_backend_error_rate", d.EPS, pool, d.Backend)
	w.send("trimtab_backend_latency_seconds", d.Latency, pool, d.Backend)
	if d.ReportAge >= 0 {
		w.send("trimtab_backend_report_age_seconds", d.ReportAge.Seconds(), pool, d.Backend)
	}
	for _, state := range []scorer.State{
		scorer.StateUnknown, scorer.StateReady, scorer.StateDraining, scorer.StateEjected, scorer.StateDown,
	} {
		w.send("trimtab_backend_state", truth(state == d.State), pool, d.Backend, state.String())
	}
}

func (w *writer) target(pool string, t tuner.TargetStatus) {
	w.send("trimtab_target_in_sync", truth(t.InSync), pool, t.Name)
	w.send("trimtab_target_applies_total", float64(t.Applies), pool, t.Name)
	w.send("trimtab_target_apply_failures_total", float64(t.Failures), pool, t.Name)
	w.send("trimtab_target_apply_duration_seconds", t.LastApply.Seconds(), pool, t.Name)
	for _, share := range t.InForce.Shares {
		w.send("trimtab_backend_applied_weight", float64(share.Applied), pool, share.Backend, t.Name)
	}
}

func (w *writer) polls(p Polls) {
	for _, b := range p.Backends {
		if b.Polled {
			w.send("trimtab_source_up", truth(!b.Failing), p.Pool, p.Source, b.Backend)
		}
		w.send("trimtab_source_polls_total", float64(b.Polls), p.Pool, p.Source, b.Backend)
		w.send("trimtab_source_poll_failures_total", float64(b.Failures), p.Pool, p.Source, b.Backend)
		w.send("trimtab_source_polls_late_total", float64(b.Late), p.Pool, p.Source, b.Backend)
		for reason, n := range b.Dropped {
			w.send("trimtab_source_values_dropped_total", float64(n), p.Pool, p.Source, b.Backend, string(reason))
		}
	}
}

func (w *writer) proxy(p Proxy) {
	w.send("trimtab_haproxy_polls_total", float64(p.Polls), p.Name)
	w.send("trimtab_haproxy_poll_failures_total", float64(p.PollErrors), p.Name)
	w.send("trimtab_haproxy_poll_duration_seconds", p.LastPoll.Seconds(), p.Name)
	w.send("trimtab_haproxy_connects_total", float64(p.Connects), p.Name)
	w.send("trimtab_haproxy_commands_total", float64(p.Commands), p.Name)
	w.send("trimtab_haproxy_exchange_failures_total", float64(p.Failures), p.Name)
	w.send("trimtab_haproxy_external_changes_total", float64(p.ExternalChanges), p.Name)
}

func (w *writer) listener(l Listener) {
	for outcome, n := range map[string]uint64{
		"answered": l.Answered, "held": l.Held, "unknown": l.Unknown,
		"malformed": l.Malformed, "failed": l.Failed, "refused": l.Refused,
	} {
		w.send("trimtab_agent_checks_total", float64(n), l.Name, outcome)
	}
}

func (w *writer) assignments(a Assignments) {
	for backend, n := range a.Stats.Assigned {
		w.send("trimtab_assigned_total", float64(n), a.Stats.Pool, a.Target, backend)
	}
	for reason, n := range a.Stats.Refused {
		w.send("trimtab_assignments_refused_total", float64(n), a.Stats.Pool, a.Target, reason)
	}
}

func (w *writer) config(c ConfigState) {
	w.send("trimtab_config_last_reload_successful", truth(c.Err == nil))
	w.send("trimtab_config_last_reload_success_timestamp_seconds", timestamp(c.SuccessAt))
	w.send("trimtab_config_hash", 1, c.Hash)
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// timestamp is NaN, which is not sent, for a time that has not come.
func timestamp(t time.Time) float64 {
	if t.IsZero() {
		return math.NaN()
	}
	return float64(t.UnixNano()) / 1e9
}
