package config

import (
	"net/netip"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Config is a whole configuration file with every default filled in.
//
// A field's yaml tag is its key, and oneof lists the values that it may have.
type Config struct {
	Admin Admin  `yaml:"admin"`
	State State  `yaml:"state,omitempty"`
	XDS   *XDS   `yaml:"xds,omitempty"` // nil: there is none
	Pools []Pool `yaml:"pools"`

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
	From     *From     `yaml:"from,omitempty"`
	// Load always has an entry for the proxy's own counts.
	Load   []LoadSource `yaml:"load"`
	Score  Score        `yaml:"score"`
	Law    string       `yaml:"law" oneof:"auto|capacity|static|a58|idle|utilization|orca"`
	Limits Limits       `yaml:"limits"`
	// Trust believes load reports even under round robin, where nothing can be held
	// against them but response times.
	Trust bool `yaml:"trust"`
	// Apply false is a dry run: plans are made and shown, nothing is changed.
	Apply  bool   `yaml:"apply"`
	OnExit string `yaml:"on_exit" oneof:"keep|restore"`
	// Probe is the request that finds out whether an ejected backend is well again,
	// where no target can let real ones through for a moment.
	Probe   Probe    `yaml:"probe"`
	Targets []Target `yaml:"targets"`
	// Scale asks for advice on how many backends are wanted; nil for none.
	Scale *Scale `yaml:"scale,omitempty"`
	// Shed asks long-lived connections to reconnect where backends hold unequal
	// numbers of them; nil for only by order.
	Shed *Shed `yaml:"shed,omitempty"`
}

// Probe is a health request.
type Probe struct {
	// Path is asked for over HTTP at the backend's address; any answer below 500
	// is a good one. Default "/".
	Path string `yaml:"path"`
	// TCP is that a connection is all there is to see.
	TCP bool `yaml:"tcp"`
}

// Values of [Pool.OnExit].
const (
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
	HAProxy    *HAProxy    `yaml:"haproxy,omitempty"`
	AgentCheck *AgentCheck `yaml:"agent_check,omitempty"`
	Envoy      *Envoy      `yaml:"envoy,omitempty"`
	GRPC       *GRPC       `yaml:"grpc,omitempty"`
	Redirect   *Redirect   `yaml:"redirect,omitempty"`
	DNS        *DNS        `yaml:"dns,omitempty"`
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
	// MasterSocket is the path of HAProxy's master socket (haproxy -S), over which
	// the connections of workers that a reload has replaced are counted, too.
	MasterSocket string `yaml:"master_socket,omitempty"`
	// Policy is the algorithm that the backend should balance with: a warning
	// says so where it does not.
	Policy string `yaml:"policy,omitempty" oneof:"leastconn|random(2)|roundrobin"`
}

// AgentCheck is HAProxies whose agent-checks ask trimtab for weights. The backends
// of a pool with this target are listed, as an agent cannot see them.
type AgentCheck struct {
	// Listen is host:port. Pools may share it.
	Listen string `yaml:"listen"`
	// Pool is the name that agent-send has. Default: the pool's name.
	Pool string `yaml:"pool"`
	// Allow are the networks that are answered. Default: all.
	Allow []string `yaml:"allow,omitempty"`
	// InitialWeight is the weight of HAProxy's server lines, 1 to 256, and
	// InitialWeights has those that differ.
	InitialWeight  int            `yaml:"initial_weight"`
	InitialWeights map[string]int `yaml:"initial_weights,omitempty"`
	// Drain is how a backend is told to take no new work: weight says 0 %, state
	// says drain and later ready.
	Drain string `yaml:"drain" oneof:"weight|state"`
	// Algorithm is what HAProxy balances with. Default leastconn.
	Algorithm string `yaml:"algorithm" oneof:"leastconn|random(2)|roundrobin"`
}

// AllowPrefixes are the networks of Allow, which has been validated.
func (a *AgentCheck) AllowPrefixes() []netip.Prefix { return prefixes(a.Allow) }

// prefixes are those of a list that can be read.
func prefixes(list []string) []netip.Prefix {
	var out []netip.Prefix
	for _, text := range list {
		if prefix, err := parseNetwork(text); err == nil {
			out = append(out, prefix)
		}
	}
	return out
}

// parseNetwork reads 10.0.0.0/8, or one address.
func parseNetwork(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Prefix(ip.BitLen())
	}
	prefix, err := netip.ParsePrefix(text)
	return prefix.Masked(), err
}

// Algorithm is the scorer's word for an algorithm of HAProxy's in this
// configuration; unknown for "".
func Algorithm(name string) scorer.Algorithm {
	switch name {
	case "leastconn":
		return scorer.LeastConnections
	case "random(2)":
		return scorer.Random
	case "roundrobin":
		return scorer.RoundRobin
	default:
		return scorer.AlgorithmUnknown
	}
}

// Values of [HAProxy.ExternalChanges].
const (
	ExternalRespect  = "respect"
	ExternalOverride = "override"
)
