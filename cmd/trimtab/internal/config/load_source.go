package config

import (
	"strings"
	"time"
)

// LoadSource is one way in which load reports come in. Exactly one field is set.
type LoadSource struct {
	HTTP       *HTTPLoad       `yaml:"http,omitempty"`
	Prometheus *PrometheusLoad `yaml:"prometheus,omitempty"`
	ORCA       *ORCALoad       `yaml:"orca,omitempty"`
	Push       *PushLoad       `yaml:"push,omitempty"`
	Proxy      *ProxyLoad      `yaml:"proxy,omitempty"`
}

// Poll is how load reports are fetched over HTTP. Exactly one of Path and URL
// is given.
type Poll struct {
	// Path is short for the URL http://{address}PATH.
	Path string `yaml:"path,omitempty"`
	// URL may contain {address} (host:port), {host} and {name}.
	URL string `yaml:"url,omitempty"`
	// Period is the time from one poll of a backend to the next. Default 1 s.
	Period time.Duration `yaml:"period"`
	// Timeout is at most Period. Default: half of it.
	Timeout time.Duration `yaml:"timeout"`
}

// Template is the URL with its placeholders.
func (p Poll) Template() string {
	if p.URL != "" {
		return p.URL
	}
	return "http://{address}" + p.Path
}

// NeedsAddress is true of a template that says nothing of a backend without an address.
func NeedsAddress(template string) bool {
	return strings.Contains(template, "{address}") || strings.Contains(template, "{host}")
}

// HTTPLoad is a JSON load report with ORCA's field names.
type HTTPLoad struct {
	Poll `yaml:",inline"`
}

// PrometheusLoad is a page of metrics in Prometheus' text format. Each signal
// names the metric to take, with label matchers where needed:
// http_requests_total{code=~"5.."}. Empty means the collector's default.
type PrometheusLoad struct {
	Poll        `yaml:",inline"`
	Utilization string            `yaml:"utilization,omitempty"`
	CPU         string            `yaml:"cpu,omitempty"`
	Memory      string            `yaml:"memory,omitempty"`
	InFlight    string            `yaml:"in_flight,omitempty"`
	Requests    string            `yaml:"requests,omitempty"`
	Errors      string            `yaml:"errors,omitempty"`
	Latency     string            `yaml:"latency,omitempty"`
	Named       map[string]string `yaml:"named,omitempty"`
}

// ORCALoad is load reports that backends stream over gRPC
// (xds.service.orca.v3.OpenRcaService).
type ORCALoad struct {
	// Port is the service's where it is not that of the backend's address. 0: the
	// same.
	Port int `yaml:"port,omitempty"`
	// Period is how often a backend is asked to report, 100 ms or more. Many
	// servers report no more often than every 30 s, whatever they are asked.
	// Default 1 s.
	Period time.Duration `yaml:"period"`
}

// PushLoad is load reports that backends send to POST /api/v1/reports.
type PushLoad struct {
	// TokenFile is the path of the file with the token that reports of this pool need.
	// Empty: they need what any other change needs, admin.token_file or a loopback
	// address. There is no key for the token itself, as configurations are shown.
	TokenFile string `yaml:"token_file,omitempty"`
	// TTL is for how long a report counts, from 2 s to limits.stale_after, which is the
	// default.
	TTL time.Duration `yaml:"ttl"`
}

// ProxyLoad is what the proxy counts. Over a socket it is always used, and an entry
// says so to the reader; where there is none, it is read from HAProxy's statistics
// page.
type ProxyLoad struct {
	// ORCA are metrics that backends put into their answers (endpoint-load-metrics)
	// and that an Envoy passes on with its counts: cpu_utilization,
	// application_utilization, mem_utilization, named_metrics.NAME or
	// named_metrics.*. Default none.
	ORCA []string `yaml:"orca,omitempty"`
	// StatsPage is the URL of HAProxy's "stats uri"; empty for none.
	StatsPage string `yaml:"stats_page,omitempty"`
	// Backend is HAProxy's name of the backend there. Default: the pool's name.
	Backend string `yaml:"backend,omitempty"`
	// Username is for "stats auth", with the password in PasswordFile.
	Username     string `yaml:"username,omitempty"`
	PasswordFile string `yaml:"password_file,omitempty"`
}
