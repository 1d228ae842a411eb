package scenario

import "time"

// Backend is one backend, or several that are alike.
type Backend struct {
	// Name is unique in the file. Required.
	Name string `yaml:"name" required:"yes"`
	// Count makes it that many, named name-1, name-2, …. 1 to 10000, default
	// 1, which leaves the name as it is.
	Count int `yaml:"count" default:"1" min:"1" max:"10000"`

	Settings `yaml:",inline"`

	// JoinsAt is when it comes into the pool; before that it does not exist.
	// Default 0s: it is there from the start.
	JoinsAt time.Duration `yaml:"joins_at" max:"336h"`
	// LeavesAt is when it is taken out of the pool: nothing new, and what is
	// open is finished. Default: never.
	LeavesAt time.Duration `yaml:"leaves_at" above:"0s" max:"336h"`
	// Cold is how it is after it joins later than at 0s, and after a restart
	// that says nothing else. Default: warm at once.
	Cold *Cold `yaml:"cold"`
}

// Cold is a backend that has just started.
type Cold struct {
	// For is how long it lasts. Above 0, required.
	For time.Duration `yaml:"for" required:"yes" above:"0s" max:"168h"`
	// Speed is a factor on the backend's speed. Above 0, at most 1, required.
	Speed float64 `yaml:"speed" required:"yes" above:"0" max:"1"`
}

// Settings is what a backend has from the start and an event may change.
type Settings struct {
	// Cores is how many requests it works on at full speed; with more, all slow
	// down alike. Above 0, at most 4096, required.
	Cores float64 `yaml:"cores" required:"yes" above:"0" max:"4096"`
	// Speed is the work done per second on one core, in seconds of demand.
	// Above 0, at most 1000, default 1.
	Speed float64 `yaml:"speed" default:"1" above:"0" max:"1000"`
	// NeighbourCores is how many of the cores someone else uses. 0 to cores,
	// default 0.
	NeighbourCores float64 `yaml:"neighbour_cores" min:"0" max:"4096"`
	// NeighbourReported includes the neighbour's use in the reported
	// utilization. Default false.
	NeighbourReported bool `yaml:"neighbour_reported"`
	// Weight is the configured weight, relative to other backends'. Above 0, at
	// most 256, default 1.
	Weight float64 `yaml:"weight" default:"1" above:"0" max:"256"`
	// CapacityHint is the capacity that trimtab is configured with, relative to
	// other backends'. Above 0, default: none is configured.
	CapacityHint float64 `yaml:"capacity_hint" above:"0" max:"4194304"`
	// Distance is added to every request or message after its work, and uses no
	// core. Default 0s.
	Distance time.Duration `yaml:"distance" max:"1h"`
	// WaitFactor is a factor on requests' waits. 0 to 1000, default 1.
	WaitFactor float64 `yaml:"wait_factor" default:"1" min:"0" max:"1000"`
	// Fail is none (the default), fast: every request ends in an error after 5 %
	// of its work, or hang: every request is open for 30 s without work and
	// ends in an error.
	Fail Failure `yaml:"fail" default:"none" oneof:"none|fast|hang"`
	// ErrorRate is the share of requests that fail fast. 0 to 1, default 0.
	ErrorRate float64 `yaml:"error_rate" min:"0" max:"1"`
	// Reports is what it does to its reports: ok (the default), stop: sends
	// none, zero: a utilization of 0, full: of 1, frozen: what it sent last.
	Reports Reporting `yaml:"reports" default:"ok" oneof:"ok|stop|zero|full|frozen"`
	// ReportScale is a factor on the reported utilization. 0 to 1000, default
	// 1.
	ReportScale float64 `yaml:"report_scale" default:"1" min:"0" max:"1000"`
}

const (
	// FailCost is the share of its work that a request costs which fails fast.
	FailCost = 0.05
	// HangTimeout is when clients give up on a request to a backend that hangs.
	HangTimeout = 30 * time.Second
)

// Failure is how a backend fails.
type Failure string

// The failures.
const (
	FailNone Failure = "none"
	FailFast Failure = "fast"
	FailHang Failure = "hang"
)

// Reporting is what a backend does to its reports.
type Reporting string

// The ways of reporting.
const (
	ReportsOK     Reporting = "ok"
	ReportsStop   Reporting = "stop"
	ReportsZero   Reporting = "zero"
	ReportsFull   Reporting = "full"
	ReportsFrozen Reporting = "frozen"
)
