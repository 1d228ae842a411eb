package scenario

// Kind is a kind of proxy.
type Kind string

// The kinds of proxies.
const (
	HAProxy Kind = "haproxy"
	Envoy   Kind = "envoy"
)

// Balance is the algorithm of a proxy, by the name that the proxy gives it.
type Balance string

// HAProxy's algorithms, then Envoy's.
const (
	Roundrobin Balance = "roundrobin"
	Leastconn  Balance = "leastconn"
	RandomTwo  Balance = "random(2)"

	LeastRequest Balance = "least_request"
	RoundRobin   Balance = "round_robin"
)

// Proxy is what proxies are and how they balance. What is left at 0 does not
// apply to the algorithm.
type Proxy struct {
	// Kind is haproxy or envoy. Default haproxy.
	Kind Kind `yaml:"kind" default:"haproxy" always:"yes" oneof:"haproxy|envoy"`
	// Balance is roundrobin, leastconn (the default) or random(2) for HAProxy,
	// round_robin or least_request (the default) for Envoy.
	Balance Balance `yaml:"balance" oneof:"roundrobin|leastconn|random(2)|least_request|round_robin"`
	// ChoiceCount is how many backends Envoy's least_request compares while all
	// weights are equal. 2 to 100, default 2.
	ChoiceCount int `yaml:"choice_count" min:"2" max:"100"`
	// Bias is the exponent of the active requests by which Envoy's
	// least_request divides unequal weights (active_request_bias). 0 to 10,
	// default 1.
	Bias *float64 `yaml:"bias" min:"0" max:"10"`
	// FullScan makes Envoy's least_request compare all backends. Default false.
	FullScan bool `yaml:"full_scan"`
	// Workers is the number of Envoy's threads, each of which balances with a
	// state of its own. 1 to 64, default 2.
	Workers int `yaml:"workers" min:"1" max:"64"`
}

// Standard values of what an Envoy is not told.
const (
	defaultChoiceCount = 2
	defaultBias        = 1.0
	defaultWorkers     = 2
)

// complete fills in what depends on the kind.
func (p *Proxy) complete() {
	if p.Kind == HAProxy {
		if p.Balance == "" {
			p.Balance = Leastconn
		}
		return
	}
	if p.Balance == "" {
		p.Balance = LeastRequest
	}
	if p.Workers == 0 {
		p.Workers = defaultWorkers
	}
	if p.Balance != LeastRequest {
		return
	}
	if p.ChoiceCount == 0 && !p.FullScan {
		p.ChoiceCount = defaultChoiceCount
	}
	if p.Bias == nil {
		bias := defaultBias
		p.Bias = &bias
	}
}
