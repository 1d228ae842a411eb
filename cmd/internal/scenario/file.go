package scenario

import "time"

// MaxBackends is how many backends a file may have once it is expanded,
// MaxEvents how many events.
const (
	MaxBackends = 10_000
	MaxEvents   = 100_000
)

// File is one scenario.
type File struct {
	// Name is what results are listed under. Required.
	Name string `yaml:"name" required:"yes"`
	// Seed makes every draw of the scenario repeatable. Several seeds are
	// consecutive ones from here. Default 1.
	Seed uint64 `yaml:"seed" default:"1" min:"0" max:"4294967295"`
	// Duration is the time that is counted, after the warm-up. Above 0,
	// required.
	Duration time.Duration `yaml:"duration" required:"yes" above:"0s" max:"168h"`
	// Warmup is the time before it, in which policies learn and nothing is
	// counted. Default 60s.
	Warmup time.Duration `yaml:"warmup" default:"60s" always:"yes" max:"168h"`
	// Proxies is how many independent proxies share the traffic, each of which
	// sees only its own connections; of several pools, each has as many. 1 to
	// 1000, default 1.
	Proxies int `yaml:"proxies" default:"1" always:"yes" min:"1" max:"1000"`
	// Proxy is what they are. Default HAProxy with leastconn.
	Proxy Proxy `yaml:"proxy" always:"yes"`
	// Backends is the pool, or what several share. At least one.
	Backends []Backend `yaml:"backends" required:"yes" block:"yes"`
	// Pools share the backends, each behind proxies of its own. Default: one for
	// each name that traffic has for its pool, of all backends; a single one
	// without a name where it has none.
	Pools []Pool `yaml:"pools" block:"yes"`
	// Reports is how backends tell of their load, none (nil) is not at all: then
	// only what the proxies see is known. By default once a second, a second
	// late, with 5 % noise.
	Reports *Reports `yaml:"reports" default:"{}" none:"none"`
	// Shed has trimtab ask long-lived connections to reconnect. Default: it does not.
	Shed *Shed `yaml:"shed"`
	// Trimtabs is how many trimtabs there are. Default: one, which sees the proxies as
	// they are now.
	Trimtabs *Trimtabs `yaml:"trimtabs"`
	// Traffic is all that arrives. At least one entry.
	Traffic []Traffic `yaml:"traffic" required:"yes" block:"yes"`
	// Events is what happens to backends over time.
	Events []Event `yaml:"events" block:"yes"`
	// Policies is what is to be judged, each by its name. Default all but
	// omniscient-best, which costs several runs.
	Policies []Policy `yaml:"policies" default:"[roundrobin, leastconn, equal, agent-check, a58, utilization, orca, omniscient, truth, trimtab, trimtab-noreports]"`
}

// End is when traffic ends: warm-up and duration.
func (f File) End() time.Duration { return f.Warmup + f.Duration }

// Reports is how backends report utilization, completed, errors and in-flight.
type Reports struct {
	// Period is the time between two reports of a backend. From 10ms, default
	// 1s.
	Period time.Duration `yaml:"period" default:"1s" min:"10ms" max:"1h"`
	// Delay is how long a report is under way. Default 1s.
	Delay time.Duration `yaml:"delay" default:"1s" max:"1h"`
	// Noise is the relative standard deviation of a reported utilization. 0 to
	// 1, default 0.05.
	Noise float64 `yaml:"noise" default:"0.05" min:"0" max:"1"`
	// Lost is the share of reports that never arrive. 0 to 1, default 0.
	Lost float64 `yaml:"lost" min:"0" max:"1"`
}
