package status

import (
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Document is the state of all pools.
type Document struct {
	Version string `json:"version"`
	// Config is the configuration in force; absent where there is no file.
	Config *Config `json:"config,omitempty"`
	// XDS is absent where no xDS server runs.
	XDS *XDS `json:"xds,omitempty"`
	// Pools are sorted by name; never null.
	Pools []Pool `json:"pools"`
}

// Config is the configuration in force and how the last reload went.
type Config struct {
	// Hash identifies what is in force, whatever the last reload did.
	Hash         string     `json:"hash"`
	LastReloadOK bool       `json:"last_reload_ok"`
	LastReloadAt *time.Time `json:"last_reload_at"`
	// LastError has a line for each problem; "" after a success.
	LastError string `json:"last_error"`
}

// Pool is one pool at its newest step.
type Pool struct {
	Name string `json:"name"`
	// Mode is active, dry-run or frozen.
	Mode string `json:"mode"`
	// Law is the law in use, LawWhy the reason for choosing it, Advice what
	// the person on call should change because no weight can repair it.
	Law    string `json:"law"`
	LawWhy string `json:"law_why"`
	Advice string `json:"advice"`
	// Tick counts steps from 1; 0 means none so far.
	Tick uint64 `json:"tick"`
	// At is when the newest step was taken, null before the first.
	At *time.Time `json:"at"`
	// Imbalance is the highest score over the mean.
	Imbalance Number `json:"imbalance"`
	// Moves counts changed weights, Ejections ejected backends, and Reports
	// load reports since the start.
	Moves     uint64 `json:"moves"`
	Ejections uint64 `json:"ejections"`
	Reports   uint64 `json:"reports"`
	// Orders are what operators have ordered.
	Orders   scorer.Orders `json:"orders"`
	Backends []Backend     `json:"backends"`
	Targets  []Target      `json:"targets"`
	Sources  []Source      `json:"sources"`
	// Shedding is absent while nobody has asked for it.
	Shedding *Shedding `json:"shedding,omitempty"`
	// Scale is absent where no scale advice is configured.
	Scale *Scale `json:"scale,omitempty"`
	// Envoy is absent but for a cluster of an Envoy that is only looked at.
	Envoy *EnvoyCluster `json:"envoy,omitempty"`
}

// EnvoyCluster is a cluster of an Envoy that trimtab does not steer so far.
type EnvoyCluster struct {
	Cluster string `json:"cluster"`
	// Discovery is where it has its endpoints from, such as EDS or STRICT_DNS.
	Discovery string `json:"discovery"`
	// Policy is how it balances; ActiveRequestBias is null but for LEAST_REQUEST.
	Policy            string `json:"policy"`
	ActiveRequestBias Number `json:"active_request_bias"`
	// Send is the weight that trimtab would send, to the policy that is there now,
	// for each backend that it would give any work.
	Send map[string]int `json:"send"`
	// PoolConfig is what to add to trimtab's configuration, EnvoyConfig what to
	// add to Envoy's, for trimtab to steer the cluster.
	PoolConfig  string `json:"pool_config"`
	EnvoyConfig string `json:"envoy_config"`
}

// Backend is a decision and what it was made from.
type Backend struct {
	Name string `json:"name"`
	// State is ready, draining, ejected, down or unknown.
	State string `json:"state"`
	// Weight is what the plan wants, with mean 1. WeightNow is what is in
	// force, on the same scale; null when no target knows the backend.
	Weight      Number `json:"weight"`
	WeightNow   Number `json:"weight_now"`
	Score       Number `json:"score"`
	Utilization Number `json:"utilization"`
	InFlight    Number `json:"in_flight"`
	RPS         Number `json:"rps"`
	EPS         Number `json:"eps"`
	// LatencySeconds is the mean response time.
	LatencySeconds Number `json:"latency_seconds"`
	// ReportAgeSeconds is null when nobody has reported.
	ReportAgeSeconds Number `json:"report_age_seconds"`
	// Applied is what each target has in force, in its own units.
	Applied map[string]int `json:"applied"`
	Why     string         `json:"why"`
	// Terms are what the score is made of.
	Terms []Term `json:"terms,omitempty"`
	// Goal is how many connections are the backend's part of all, null where connections
	// are not what is balanced.
	Goal Number `json:"goal"`
	// Shed is absent while none of its connections were asked to reconnect, Drain
	// without an order to drain it.
	Shed  *Shed  `json:"shed,omitempty"`
	Drain *Drain `json:"drain,omitempty"`
	// Notes say, by target, why what is in force is not what the plan wants.
	Notes map[string]string `json:"notes,omitempty"`
}

// Target is how one data plane follows.
type Target struct {
	Name      string `json:"name"`
	Algorithm string `json:"algorithm"`
	InSync    bool   `json:"in_sync"`
	LastError string `json:"last_error"`
	// Warnings say what may keep weights from having their effect although they
	// are in force; never null.
	Warnings    []string `json:"warnings"`
	LastApplyMS float64  `json:"last_apply_ms"`
	Applies     uint64   `json:"applies"`
	Failures    uint64   `json:"failures"`
}

// Source is how one source of load reports or of backends does.
type Source struct {
	Name      string `json:"name"`
	LastError string `json:"last_error"`
	Restarts  uint64 `json:"restarts"`
}
