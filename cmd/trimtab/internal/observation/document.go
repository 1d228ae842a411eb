package observation

import (
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
)

// Version is that of the document.
const Version = 1

// Document is what was seen of one pool.
type Document struct {
	Version int    `json:"trimtab_observation"`
	Program string `json:"program"`
	Pool    string `json:"pool"`
	// At is when the newest step was taken, null before the first.
	At *time.Time `json:"at"`
	// Seconds is over how long the means of the backends are taken; what is older
	// counts less and less.
	Seconds float64 `json:"seconds"`
	// Kind is what the pool serves, requests or connections, auto while that is not
	// known.
	Kind scorer.Kind `json:"kind"`
	// Mode is active, dry-run or frozen, Law the law in use.
	Mode string `json:"mode"`
	Law  string `json:"law"`
	// LawConfigured and Trust are the pool's configuration, and Apply that its plans
	// are carried out unless somebody has ordered otherwise.
	LawConfigured string `json:"law_configured"`
	Trust         bool   `json:"trust"`
	Apply         bool   `json:"apply"`
	// Orders are what operators have ordered.
	Orders scorer.Orders `json:"orders"`
	// Proxies is how many proxies report what they count.
	Proxies int `json:"proxies"`
	// ByCounts and ByReports are how noisy completions are around what is expected of
	// what is in flight, and of reported utilization.
	ByCounts  Dispersion `json:"dispersion_by_counts"`
	ByReports Dispersion `json:"dispersion_by_reports"`
	Targets   []Target   `json:"targets"`
	// Backends are sorted by name.
	Backends []Backend `json:"backends"`
}

// Dispersion is a [scorer.Dispersion]: variance over mean, and on how many requests
// it is measured.
type Dispersion struct {
	Ratio    status.Number `json:"ratio"`
	Requests float64       `json:"requests"`
}

// Plane is a kind of data plane.
type Plane string

// The kinds of data planes.
const (
	PlaneHAProxy    Plane = "haproxy"
	PlaneAgentCheck Plane = "agent_check"
	PlaneEnvoy      Plane = "envoy"
	PlaneGRPC       Plane = "grpc"
	// PlaneRedirect and PlaneDNS are clients themselves, who are told where to go.
	PlaneRedirect Plane = "redirect"
	PlaneDNS      Plane = "dns"
)

// Target is a data plane that follows, and what it takes to have it balance
// otherwise.
type Target struct {
	Name  string `json:"name"`
	Plane Plane  `json:"plane"`
	// Algorithm is what it balances with, a [scorer.Algorithm]; "" while nobody has
	// said.
	Algorithm scorer.Algorithm `json:"algorithm"`
	// Backend, ConfigFile and MasterSocket are HAProxy's, "" where not configured.
	Backend      string `json:"backend,omitempty"`
	ConfigFile   string `json:"config_file,omitempty"`
	MasterSocket string `json:"master_socket,omitempty"`
	// Cluster is Envoy's, Bias its active_request_bias, and Served that Envoy has the
	// cluster from trimtab, so that it can be nothing that trimtab does not serve.
	Cluster string        `json:"cluster,omitempty"`
	Bias    status.Number `json:"bias"`
	Served  bool          `json:"served,omitempty"`
}

// Backend is one backend: its newest state, and means over [Document.Seconds].
type Backend struct {
	Name  string `json:"name"`
	State string `json:"state"`
	// Configured is the configured capacity, Capacity the learned one in the same
	// units and null where none is learned, Deviation the standard deviation of its
	// logarithm.
	Configured status.Number `json:"configured"`
	Capacity   status.Number `json:"capacity"`
	Deviation  status.Number `json:"deviation"`
	// Reported is that the capacity is by the backend's own reports, Doubted that
	// these contradict what proxies see.
	Reported bool `json:"reported"`
	Doubted  bool `json:"doubted"`
	// WeightNow is what is in force, with mean 1; null when no target knows the
	// backend.
	WeightNow status.Number `json:"weight_now"`
	// Applied is what each target has in force, in its own units.
	Applied  map[string]int `json:"applied"`
	InFlight status.Number  `json:"in_flight"`
	// RPS is completed work per second, EPS the failed part of it.
	RPS            status.Number `json:"rps"`
	EPS            status.Number `json:"eps"`
	LatencySeconds status.Number `json:"latency_seconds"`
	Utilization    status.Number `json:"utilization"`
}
