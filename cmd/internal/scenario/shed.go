package scenario

import "time"

// Share is a part of what there is, per second, written 1%/s.
type Share float64

// Shed is how trimtab asks long-lived connections to reconnect where backends have
// more than their part.
type Shed struct {
	// StartAbove and StopBelow are multiples of a backend's part of the connections:
	// where it begins and where it ends. 1 to 100, defaults 1.05 and 1.04.
	StartAbove float64 `yaml:"start_above" default:"1.05" min:"1" max:"100"`
	// StopBelow is at most start_above.
	StopBelow float64 `yaml:"stop_below" default:"1.04" min:"1" max:"100"`
	// Rate is the part of all connections that is asked per second at most: 1%/s.
	// Above 0, at most 100%/s, default 1%/s.
	Rate Share `yaml:"rate" default:"1%/s"`
	// Order is which of a backend's connections are closed first: oldest or
	// youngest. Default oldest.
	Order ShedOrder `yaml:"order" default:"oldest" oneof:"oldest|youngest"`
}

// ShedOrder is an order of connections by age.
type ShedOrder string

// The orders.
const (
	ShedOldest   ShedOrder = "oldest"
	ShedYoungest ShedOrder = "youngest"
)

// Trimtabs is several trimtabs that steer the same proxies and know only their
// number.
type Trimtabs struct {
	// Count is how many there are. 1 to 16, required.
	Count int `yaml:"count" required:"yes" min:"1" max:"16"`
	// ViewDelay is how old what they see of the proxies is. Default 0s.
	ViewDelay time.Duration `yaml:"view_delay" max:"1m"`
}
