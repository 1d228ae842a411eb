package scenario

import "time"

// Traffic is one kind of traffic: exactly one field is set.
type Traffic struct {
	Requests   *Requests   `kind:"requests"`
	WebSockets *WebSockets `kind:"websockets"`
}

// Rate is requests per second, written 500/s.
type Rate float64

// Requests arrive independently of each other (Poisson) and of what becomes of
// them. Exactly one of utilization and rate is given.
type Requests struct {
	// Pool is the name of the pool that they go to. Required in a file that has
	// pools; default: its only one.
	Pool string `yaml:"pool"`
	// Utilization is the arriving work as a share of the nominal capacity: the
	// sum of cores × speed at the start over all listed backends of the pool,
	// those that join later included and neighbours not taken off. What other
	// pools bring to them comes on top. Above 0, at most 10.
	Utilization float64 `yaml:"utilization" choice:"load" above:"0" max:"10"`
	// Rate is how many arrive: 500/s. Above 0.
	Rate Rate `yaml:"rate" choice:"load"`
	// Profile changes the rate over time: in steps, each until the next.
	// Default: constant.
	Profile []Point `yaml:"profile" block:"yes"`
	// Ramp draws straight lines between the points of the profile. Default
	// false.
	Ramp bool `yaml:"ramp"`
	// Demand is the CPU time of a request on a core of speed 1. The shares add
	// up to 1. Required.
	Demand Mix `yaml:"demand" required:"yes" lone:"yes"`
	// Wait is the time that a request is open after its work without using CPU.
	// Shares may add up to less than 1: the rest does not wait. Default: none
	// does.
	Wait Mix `yaml:"wait" lone:"yes"`
}

// Point is a profile from one time on.
type Point struct {
	// At is when. The first is 0s, the others follow in order. Required.
	At time.Duration `yaml:"at" required:"yes" max:"336h"`
	// Factor is on the rate. 0 to 1000, default 1.
	Factor float64 `yaml:"factor" default:"1" always:"yes" min:"0" max:"1000"`
	// DemandFactor is on the CPU time of each request, which leaves the rate as
	// it is. Above 0, at most 1000, default 1.
	DemandFactor float64 `yaml:"demand_factor" default:"1" above:"0" max:"1000"`
}

// WebSockets are clients that stay connected, and whose messages cost CPU. Their
// latency is that of messages.
type WebSockets struct {
	// Pool is the name of the pool that they connect to. Required in a file that
	// has pools; default: its only one.
	Pool string `yaml:"pool"`
	// Clients is how many there are. 1 to 1000000, required.
	Clients int `yaml:"clients" required:"yes" min:"1" max:"1000000"`
	// ConnectAt is when the first of them connects. Default 0s.
	ConnectAt time.Duration `yaml:"connect_at" max:"336h"`
	// ConnectOver is the time over which they connect, evenly at random from
	// connect_at. Default 0s: all at once.
	ConnectOver time.Duration `yaml:"connect_over" max:"168h"`
	// Lifetime is how long a connection lasts. Default forever (nil): until its
	// backend ends it.
	Lifetime *Lifetime `yaml:"lifetime" default:"forever" none:"forever"`
	// Message is what each client sends. Default: nothing.
	Message *Message `yaml:"message"`
	// Dear is the part of the clients whose messages are others. Default: none.
	Dear *Dear `yaml:"dear"`
	// Reconnect is what a client does when its connection has ended, for
	// whatever reason. Default: it comes back after 0.5s to 5s.
	Reconnect Reconnect `yaml:"reconnect"`
}

// Message is what a client sends while it is connected.
type Message struct {
	// Every is the time between two messages, the first at a random part of
	// it. From 1ms, required.
	Every time.Duration `yaml:"every" required:"yes" min:"1ms" max:"168h"`
	// Demand is the CPU time of a message on a core of speed 1. Required.
	Demand Mix `yaml:"demand" required:"yes" lone:"yes"`
}

// Dear is connections that cost more than others.
type Dear struct {
	// Clients is how many of the clients. 1 to all of them, required.
	Clients int `yaml:"clients" required:"yes" min:"1" max:"1000000"`

	Message `yaml:",inline"`
}

// Reconnect is how clients come back.
type Reconnect struct {
	// Delay is the time from the end of a connection to the next. Default
	// uniform from 0.5s to 5s.
	Delay Mix `yaml:"delay" default:"{uniform: [500ms, 5s]}" lone:"yes"`
}

// Lifetime is how long connections last: exactly one field is set.
type Lifetime struct {
	// Exp is the mean of an exponential time. Above 0.
	Exp time.Duration `yaml:"exp" choice:"lifetime" above:"0s" max:"168h"`
	// Rounds is a time of whole rounds.
	Rounds *Rounds `yaml:"rounds" choice:"lifetime"`
}

// Rounds is a life of k × each + last, where k is at least 1 and after every
// round another one follows with the probability 1 − drop.
type Rounds struct {
	// Each is the length of a round. Above 0, required.
	Each time.Duration `yaml:"each" required:"yes" above:"0s" max:"168h"`
	// Drop is the share of connections that end with each round. Above 0, at
	// most 1, required.
	Drop float64 `yaml:"drop" required:"yes" above:"0" max:"1"`
	// Last is added once, and may be negative down to −each. Default 0s.
	Last time.Duration `yaml:"last" signed:"yes" max:"168h"`
}
