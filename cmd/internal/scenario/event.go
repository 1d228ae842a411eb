package scenario

import "time"

// Event changes a backend from a time on, or restarts it. At least one change
// is required.
type Event struct {
	// At is when. Required, before the end.
	At time.Duration `yaml:"at" required:"yes" max:"336h"`
	// Every repeats the event with this period. From 100ms, default: it happens
	// once.
	Every time.Duration `yaml:"every" min:"100ms" max:"168h"`
	// Until is when the repetition ends, later than at. Default: at the end.
	Until time.Duration `yaml:"until" above:"0s" max:"336h"`
	// Backend is whom it happens to: the name of one, or that of an entry with
	// a count for all of them. Required.
	Backend string `yaml:"backend" required:"yes"`

	Change `yaml:",inline"`

	// Restart takes it down and up again.
	Restart *Restart `yaml:"restart"`
	// Cold makes it slow for a time, as if its caches were dropped. It replaces a
	// cold that lasts still.
	Cold *Cold `yaml:"cold"`
}

// Restart fails what is in flight. The backend gets nothing while it is down,
// whatever its weight.
type Restart struct {
	// Drain is the time from the event on in which the backend still works and gets
	// nothing new, and in which trimtab has its connections leave. It goes down after
	// that. Default 0s: at once.
	Drain time.Duration `yaml:"drain" max:"168h"`
	// Down is how long it is away. Above 0, required.
	Down time.Duration `yaml:"down" required:"yes" above:"0s" max:"168h"`
	// Cold is how it is afterwards. Default: the backend's own cold, if any.
	Cold *Cold `yaml:"cold"`
}

// Change has the new values of Settings, nil for what stays.
type Change struct {
	// Cores is the new number of cores. Above 0, at most 4096.
	Cores *float64 `yaml:"cores" above:"0" max:"4096"`
	// Speed is the new speed of a core. Above 0, at most 1000.
	Speed *float64 `yaml:"speed" above:"0" max:"1000"`
	// NeighbourCores is how many cores someone else uses from now on. 0 to
	// cores.
	NeighbourCores *float64 `yaml:"neighbour_cores" min:"0" max:"4096"`
	// NeighbourReported says whether that is in the reported utilization.
	NeighbourReported *bool `yaml:"neighbour_reported"`
	// Weight is the new configured weight. Above 0, at most 256.
	Weight *float64 `yaml:"weight" above:"0" max:"256"`
	// CapacityHint is what trimtab is configured with from now on. Above 0.
	CapacityHint *float64 `yaml:"capacity_hint" above:"0" max:"4194304"`
	// Distance is added to requests and messages that finish their work from
	// now on.
	Distance *time.Duration `yaml:"distance" max:"1h"`
	// WaitFactor is the new factor on waits. 0 to 1000.
	WaitFactor *float64 `yaml:"wait_factor" min:"0" max:"1000"`
	// Fail is none, fast or hang, for requests that arrive from now on.
	Fail *Failure `yaml:"fail" oneof:"none|fast|hang"`
	// ErrorRate is the new share of requests that fail fast. 0 to 1.
	ErrorRate *float64 `yaml:"error_rate" min:"0" max:"1"`
	// Reports is ok, stop, zero, full or frozen.
	Reports *Reporting `yaml:"reports" oneof:"ok|stop|zero|full|frozen"`
	// ReportScale is the new factor on the reported utilization. 0 to 1000.
	ReportScale *float64 `yaml:"report_scale" min:"0" max:"1000"`
}
