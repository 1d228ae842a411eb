package simulate

import (
	"fmt"
	"strings"

	"github.com/trimtab-lb/trimtab/scorer"
)

// ProxyKind is which proxy it is.
type ProxyKind string

const (
	// AnyProxy is an algorithm and nothing else: integers 0..256 as weights and
	// one scheduler for each proxy.
	AnyProxy ProxyKind = ""
	// KindHAProxy is HAProxy: one tree for all threads.
	KindHAProxy ProxyKind = "haproxy"
	// KindEnvoy is Envoy: every worker has a schedule of its own, and weights are
	// as its endpoint discovery is served them.
	KindEnvoy ProxyKind = "envoy"
)

// Proxy is how each of a run's proxies balances.
type Proxy struct {
	Kind ProxyKind
	// Algorithm is one of [Algorithms]; empty means leastconn.
	Algorithm scorer.Algorithm
	// Workers is how many threads of an Envoy pick on their own, by schedules
	// that do not know of each other; they share the counts of what is in
	// flight. 0 means 1 for AnyProxy and HAProxy, which never have more, and
	// DefaultWorkers for Envoy.
	Workers int
	// Choices is how many random endpoints LEAST_REQUEST compares while weights
	// are equal (choice_count); 0 means 2. FullScan compares all.
	Choices  int
	FullScan bool
	// Bias is LEAST_REQUEST's active_request_bias; nil means 1.
	Bias *float64
}

// DefaultWorkers is an Envoy's threads where nothing else is said. A few more
// change little: two schedules instead of one raise p99 by 0 to 2 %.
const DefaultWorkers = 2

// String is the kind and the algorithm, "haproxy/leastconn", and what differs
// from the defaults.
func (p Proxy) String() string {
	var out strings.Builder
	if p.Kind != AnyProxy {
		fmt.Fprintf(&out, "%s/", p.Kind)
	}
	out.WriteString(p.algorithmName())
	if p.Workers != 0 {
		fmt.Fprintf(&out, " workers=%d", p.Workers)
	}
	if p.Choices != 0 {
		fmt.Fprintf(&out, " choice_count=%d", p.Choices)
	}
	if p.FullScan {
		out.WriteString(" full_scan")
	}
	if p.Bias != nil {
		fmt.Fprintf(&out, " bias=%v", *p.Bias)
	}
	return out.String()
}

// algorithmName is what the proxy's own configuration calls the algorithm.
func (p Proxy) algorithmName() string {
	algorithm := p.withDefaults().Algorithm
	switch {
	case p.Kind == KindHAProxy && algorithm == scorer.Random:
		return "random(2)"
	case p.Kind == KindEnvoy && algorithm == scorer.RoundRobin:
		return "round_robin"
	default:
		return string(algorithm)
	}
}

func (p Proxy) withDefaults() Proxy {
	if p.Algorithm == scorer.AlgorithmUnknown {
		p.Algorithm = scorer.LeastConnections
	}
	if p.Workers == 0 {
		p.Workers = 1
		if p.Kind == KindEnvoy {
			p.Workers = DefaultWorkers
		}
	}
	if p.Choices == 0 {
		p.Choices = 2
	}
	if p.Bias == nil {
		p.Bias = new(1.0)
	}
	return p
}

func (p Proxy) check() error {
	known := Algorithms()
	switch p.Kind {
	case AnyProxy:
	case KindHAProxy:
		known = []scorer.Algorithm{scorer.LeastConnections, scorer.Random, scorer.RoundRobin}
	case KindEnvoy:
		known = []scorer.Algorithm{scorer.LeastRequest, scorer.RoundRobin}
	default:
		return fmt.Errorf("proxy %q: not simulated", p.Kind)
	}
	p = p.withDefaults()
	for _, a := range known {
		if p.Algorithm == a {
			return p.checkEnvoy()
		}
	}
	return fmt.Errorf("proxy %s: algorithm not simulated; known are %v", p, known)
}

func (p Proxy) checkEnvoy() error {
	switch {
	case p.Workers < 1 || p.Workers > 1 && p.Kind != KindEnvoy:
		return fmt.Errorf("proxy %s: must have at least one worker, and more only on Envoy", p)
	case p.Choices < 1 || !(*p.Bias >= 0):
		return fmt.Errorf("proxy %s: choices must be at least 1 and the bias at least 0", p)
	default:
		return nil
	}
}

// largestWeight is the largest weight that the proxy takes.
func (p Proxy) largestWeight() int {
	if p.Kind == KindEnvoy {
		return 1 << 30 // the sum of all must fit into 32 bits, which no policy comes near
	}
	return maxWeight
}

// oracleLargest is the largest weight that one gives it who knows everything.
func (p Proxy) oracleLargest() int {
	if p.Kind == KindEnvoy {
		return 1 << 18 // fine enough for the square of a hundredth
	}
	return oracleLargest
}
