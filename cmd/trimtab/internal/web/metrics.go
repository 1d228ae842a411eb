package web

import (
	"runtime"
	"runtime/debug"

	"github.com/prometheus/client_golang/prometheus"
)

// Metric describes one metric for the documentation.
type Metric struct {
	// Name with its labels: trimtab_backend_weight{pool,backend}.
	Name string
	Help string
	// Type is gauge or counter.
	Type string
}

// family is a metric as the collector needs it.
type family struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// families is every metric of trimtab's own, in the order of documentation.
func families() []family {
	pool := []string{"pool"}
	backend := []string{"pool", "backend"}
	target := []string{"pool", "target"}
	poll := []string{"pool", "source", "backend"}
	proxy := []string{"proxy"}
	return []family{
		{"trimtab_backend_weight", "Share of new work that the plan wants for the backend; 1 is the mean.", gauge, backend},
		{"trimtab_backend_applied_weight", "Weight in force at the target, in its own units.", gauge, []string{"pool", "backend", "target"}},
		{"trimtab_backend_score", "How busy the backend is for its capacity; 1 is a fair share, higher is busier.", gauge, backend},
		{"trimtab_backend_utilization_ratio", "Share of the backend's capacity in use by its own word; 1 is full.", gauge, backend},
		{"trimtab_backend_in_flight", "Requests or connections open at the backend.", gauge, backend},
		{"trimtab_backend_request_rate", "Work completed by the backend per second, failed work included.", gauge, backend},
		{"trimtab_backend_error_rate", "Work failed by the backend per second.", gauge, backend},
		{"trimtab_backend_latency_seconds", "Mean response time of the backend.", gauge, backend},
		{"trimtab_backend_report_age_seconds", "Age of the freshest load report about the backend.", gauge, backend},
		{"trimtab_backend_state", "1 for the state that the backend is in, 0 for the others.", gauge, []string{"pool", "backend", "state"}},
		{"trimtab_pool_imbalance", "Highest score of the pool over the mean score; 1 is even.", gauge, pool},
		{"trimtab_pool_mode", "1 for the mode that the pool is in, 0 for the others.", gauge, []string{"pool", "mode"}},
		{"trimtab_pool_law", "1 for the law in use.", gauge, []string{"pool", "law"}},
		{"trimtab_pool_steps_total", "Steps taken.", counter, pool},
		{"trimtab_pool_last_step_timestamp_seconds", "When the newest step was taken.", gauge, pool},
		{"trimtab_pool_step_duration_seconds", "How long the newest step took.", gauge, pool},
		{"trimtab_pool_moves_total", "Weights that changed from one plan to the next.", counter, pool},
		{"trimtab_pool_ejections_total", "Backends that were ejected.", counter, pool},
		{"trimtab_pool_reports_total", "Load reports taken.", counter, pool},
		{"trimtab_pool_unmatched_reports_total", "Load reports about backends that are not in the pool.", counter, pool},
		{"trimtab_pool_last_report_timestamp_seconds", "When the newest load report was made.", gauge, pool},
		{"trimtab_pool_backends", "Backends of a pool that asks for scale advice.", gauge, pool},
		{"trimtab_wanted_backends", "Backends that the pool should have; absent while nothing tells how full they are.", gauge, pool},
		{"trimtab_pool_utilization_ratio", "Share of the capacity in service that is in use; 1 is full.", gauge, pool},
		{"trimtab_pool_expected_utilization_ratio", "The same at the horizon of the scale advice, if the load goes on rising as it does.", gauge, pool},
		{"trimtab_backend_connections_goal", "Connections that are the backend's part of all that there are; absent where connections are not what is balanced.", gauge, backend},
		{"trimtab_shed_connections_total", "Connections of the backend that were asked to reconnect, to even out or to drain.", counter, backend},
		{"trimtab_shed_failures_total", "Steps at which not all of the backend's connections were asked that should have been.", counter, backend},
		{"trimtab_shed_state", "1 for what shedding is doing, 0 for the others; absent while nobody has asked for it.", gauge, []string{"pool", "state"}},
		{"trimtab_shed_excess", "Connections that are too many on the busiest backends and have not been asked so far.", gauge, pool},
		{"trimtab_shed_under_way", "Connections that were asked to reconnect and have not been seen again.", gauge, pool},
		{"trimtab_drain_left", "Connections that a backend still holds which is drained by order.", gauge, backend},
		{"trimtab_webhook_tries_total", "Requests made to tell of scale advice.", counter, pool},
		{"trimtab_webhook_failures_total", "Requests to tell of scale advice that failed.", counter, pool},
		{"trimtab_target_in_sync", "1 while the newest plan is in force at the target.", gauge, target},
		{"trimtab_target_applies_total", "Plans carried out at the target or tried to be.", counter, target},
		{"trimtab_target_apply_failures_total", "Plans that could not be carried out.", counter, target},
		{"trimtab_target_apply_duration_seconds", "How long the newest apply took.", gauge, target},
		{"trimtab_source_restarts_total", "Times that a source of reports or backends stopped and was started again.", counter, []string{"pool", "source"}},
		{"trimtab_source_up", "1 while the backend's newest poll brought a load report.", gauge, poll},
		{"trimtab_source_polls_total", "Polls of the backend for a load report.", counter, poll},
		{"trimtab_source_poll_failures_total", "Polls that failed at the backend.", counter, poll},
		{"trimtab_source_polls_late_total", "Polls lost because trimtab itself was held up.", counter, poll},
		{"trimtab_source_values_dropped_total", "Values left out of the backend's load reports.", counter, append(poll[:3:3], "reason")},
		{"trimtab_haproxy_polls_total", "Polls of the HAProxy's counts.", counter, proxy},
		{"trimtab_haproxy_poll_failures_total", "Polls that failed.", counter, proxy},
		{"trimtab_haproxy_poll_duration_seconds", "How long the newest poll took.", gauge, proxy},
		{"trimtab_haproxy_connects_total", "Connections made to the socket.", counter, proxy},
		{"trimtab_haproxy_commands_total", "Commands answered over the socket.", counter, proxy},
		{"trimtab_haproxy_exchange_failures_total", "Exchanges that failed and ended their connection.", counter, proxy},
		{"trimtab_haproxy_external_changes_total", "Weights that someone else was found to have changed.", counter, proxy},
		{"trimtab_agent_checks_total", "Agent-checks by what became of them.", counter, []string{"listener", "outcome"}},
		{"trimtab_assigned_total", "Clients, or DNS answers, that were sent to the backend.", counter, []string{"pool", "target", "backend"}},
		{"trimtab_assignments_refused_total", "Clients, or DNS queries, that were sent nowhere.", counter, []string{"pool", "target", "reason"}},
		{"trimtab_xds_connected_nodes", "Clients of the xDS server that are connected.", gauge, []string{"view"}},
		{"trimtab_xds_streams", "Discovery streams that are open.", gauge, nil},
		{"trimtab_xds_responses_total", "Responses that clients have answered: ack for those taken, nack for those refused.", counter, []string{"type", "result"}},
		{"trimtab_xds_load_report_age_seconds", "Age of the newest load report of the client whose newest is the oldest.", gauge, nil},
		{"trimtab_config_last_reload_successful", "1 if the last load of the configuration succeeded.", gauge, nil},
		{"trimtab_config_last_reload_success_timestamp_seconds", "When the configuration was last loaded successfully.", gauge, nil},
		{"trimtab_config_hash", "1 for the hash of the configuration in force.", gauge, []string{"hash"}},
		{"trimtab_build_info", "1 for the version of this trimtab.", gauge, []string{"version", "revision", "goversion"}},
	}
}

// MetricsDoc lists every metric of trimtab's own; those of the Go runtime and
// of the process come beside them.
func MetricsDoc() []Metric {
	var out []Metric
	for _, f := range families() {
		m := Metric{Name: f.name, Help: f.help, Type: "gauge"}
		if f.kind == counter {
			m.Type = "counter"
		}
		for i, label := range f.labels {
			if i == 0 {
				m.Name += "{" + label
			} else {
				m.Name += "," + label
			}
		}
		if len(f.labels) > 0 {
			m.Name += "}"
		}
		out = append(out, m)
	}
	return out
}

// build is the labels of trimtab_build_info.
func build(version string) []string {
	revision := "unknown"
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = s.Value
			}
		}
	}
	return []string{version, revision, runtime.Version()}
}
