package config

import (
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Config is a whole configuration file with every default filled in.
//
// A field's yaml tag is its key, oneof lists the values that it may have, and
// later lists keys or values that are designed but not built yet, so that they
// are refused as what they are and not as spelling mistakes.
type Config struct {
	Admin Admin    `yaml:"admin"`
	State State    `yaml:"state,omitempty"`
	Pools []Pool   `yaml:"pools"`
	_     struct{} `later:"xds"`

	effective []byte
}

// Admin is the HTTP server for people and monitoring.
type Admin struct {
	// Listen is host:port. Default 127.0.0.1:9902.
	Listen string `yaml:"listen"`
	// TokenFile is the path of the file with the token that every change needs.
	// Empty for none, which only a loopback address may have.
	TokenFile string `yaml:"token_file,omitempty"`
}

// State is what outlives trimtab: orders of operators, and what was learned.
type State struct {
	// Path is a directory that trimtab may write to. Empty: nothing is kept.
	Path string `yaml:"path,omitempty"`
}

// Pool is one pool: what serves it, how it is judged, and who follows.
type Pool struct {
	// Name is unique in the file.
	Name string      `yaml:"name"`
	Kind scorer.Kind `yaml:"kind" oneof:"auto|requests|connections"`
	// Backends lists the pool's members; From says where else to find them.
	// Exactly one of the two is given.
	Backends []Backend `yaml:"backends,omitempty"`
	From     string    `yaml:"from,omitempty" oneof:"haproxy" later:"dns|file"`
	// Load always has an entry for the proxy's own counts.
	Load   []LoadSource `yaml:"load"`
	Score  Score        `yaml:"score"`
	Law    string       `yaml:"law" oneof:"auto|capacity|static" later:"a58|idle|utilization|orca"`
	Limits Limits       `yaml:"limits"`
	// Apply false is a dry run: plans are made and shown, nothing is changed.
	Apply   bool     `yaml:"apply"`
	OnExit  string   `yaml:"on_exit" oneof:"keep|restore"`
	Targets []Target `yaml:"targets"`
	_       struct{} `later:"shed|dns|file"`
}

// Values of [Pool.From] and [Pool.OnExit].
const (
	FromHAProxy   = "haproxy"
	OnExitKeep    = "keep"
	OnExitRestore = "restore"
)

// Backend is a configured member of a pool. With a HAProxy target its name is
// that of the HAProxy server.
type Backend struct {
	// Name is unique in the pool.
	Name string `yaml:"name"`
	// Address is host:port; only load reports over HTTP need it.
	Address string `yaml:"address,omitempty"`
	// Capacity is relative to the other backends, above 0. Default 1.
	Capacity float64 `yaml:"capacity"`
}

// Score is how a backend's score is made up.
type Score struct {
	// Window is the time constant of the moving average. Default 10 s.
	Window time.Duration `yaml:"window"`
	// Coefficients weigh signals: connections, cpu, memory, utilization or any
	// named metric. Default connections 1, cpu 1.
	Coefficients map[string]float64 `yaml:",inline"`
}

// Limits bound what any law can do. See [scorer.Limits]; the only differences
// are that 0 switches SlowStart and MaxEjected off.
type Limits struct {
	Floor      float64       `yaml:"floor"`
	Ceiling    float64       `yaml:"ceiling"`
	Step       float64       `yaml:"step"`
	Deadband   float64       `yaml:"deadband"`
	StaleAfter time.Duration `yaml:"stale_after"`
	SlowStart  time.Duration `yaml:"slow_start"`
	MaxEjected float64       `yaml:"max_ejected"`
}

// Target is a data plane that follows the pool's plans. Exactly one field is
// set.
type Target struct {
	HAProxy *HAProxy `yaml:"haproxy"`
	_       struct{} `later:"agent_check|envoy|redirect|dns"`
}

// HAProxy is a HAProxy reached over its runtime socket.
type HAProxy struct {
	// Socket is the path of a UNIX socket, or host:port.
	Socket string `yaml:"socket"`
	// Backend is the HAProxy backend. Default: the pool's name.
	Backend string `yaml:"backend"`
	// ConfigFile is the proxy's configuration, read for its algorithm; empty
	// leaves it to be inferred from the socket.
	ConfigFile string `yaml:"config_file,omitempty"`
	// ExternalChanges says what happens to weights that someone else set.
	ExternalChanges string `yaml:"external_changes" oneof:"respect|override"`
	// DisableAgents switches agent-checks off where they fight over weights.
	DisableAgents bool `yaml:"disable_agents"`
	// Poll is how often the proxy is asked for its counts, 100 ms to 5 s.
	// Default 200 ms.
	Poll time.Duration `yaml:"poll"`
	_    struct{}      `later:"policy"`
}

// Values of [HAProxy.ExternalChanges].
const (
	ExternalRespect  = "respect"
	ExternalOverride = "override"
)
