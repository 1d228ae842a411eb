package demo

import (
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/stack"
)

// Names of the stacks.
const (
	Untouched = "untouched"
	Trimtab   = "trimtab"
	Known     = "known"
)

// Result is what the demo found. Times are in milliseconds, processor use in
// cores; what the system does not tell is absent.
type Result struct {
	Proxy        Proxy     `json:"proxy"`
	Seed         uint64    `json:"seed"`
	Rate         float64   `json:"requests_per_second"`
	MeanDemandMS float64   `json:"mean_demand_ms"`
	Cores        []float64 `json:"cores"`
	Scheduling   string    `json:"scheduling"`
	// Attempts is how often the first act was measured; only the last counts.
	Attempts int      `json:"attempts"`
	Valid    bool     `json:"valid"`
	Stacks   []Stack  `json:"stacks"`
	Ratios   []Ratio  `json:"ratios"`
	Failure  Failure  `json:"failure"`
	LabCPU   *float64 `json:"lab_cpu_cores,omitempty"`
	TrimCPU  *float64 `json:"trimtab_cpu_cores,omitempty"`
	// Passed is true if everything is valid and every target met.
	Passed bool `json:"passed"`
}

// Stack is one stack's first act.
type Stack struct {
	Name     string  `json:"name"`
	Requests int     `json:"requests"`
	Errors   int     `json:"errors"`
	P50      float64 `json:"p50_ms"`
	P99      float64 `json:"p99_ms"`
	P999     float64 `json:"p999_ms"`
	// Imbalance is the largest over the mean utilization of the backends.
	Imbalance   float64   `json:"imbalance"`
	Utilization []float64 `json:"utilization"`
	// Weights are the proxy's at the end of the act, in its own units.
	Weights           []int    `json:"weights"`
	SendLateP99       float64  `json:"send_late_p99_ms"`
	SendLateMax       float64  `json:"send_late_max_ms"`
	SendLateLimit     float64  `json:"send_late_limit_ms"`
	CompletionLateP99 float64  `json:"completion_late_p99_ms"`
	ProxyCPU          *float64 `json:"proxy_cpu_cores,omitempty"`
}

// Ratio is a p99 over another, and what it is meant to be at most.
type Ratio struct {
	Name   string  `json:"name"`
	Value  float64 `json:"value"`
	Target float64 `json:"target"`
	Met    bool    `json:"met"`
}

// Failure is the second act.
type Failure struct {
	Backend  string  `json:"backend"`
	Seconds  float64 `json:"seconds"`
	Grace    float64 `json:"grace_seconds"`
	Attempts int     `json:"attempts"`
	Valid    bool    `json:"valid"`
	// Target is the error share after the grace that trimtab's stack is to
	// stay within.
	Target float64        `json:"target"`
	Met    bool           `json:"met"`
	Stacks []FailureStack `json:"stacks"`
}

// FailureStack is one stack's second act.
type FailureStack struct {
	Name string `json:"name"`
	// ErrorShare is of the requests sent after the grace and before the
	// backend was well; Errors is all of the act's.
	ErrorShare  float64 `json:"error_share"`
	Errors      int     `json:"errors"`
	SendLateP99 float64 `json:"send_late_p99_ms"`
	// Ejected is seconds from the failure, Returned seconds from the recovery;
	// absent if that was not seen. Seen within half a second.
	Ejected  *float64 `json:"ejected_after_seconds,omitempty"`
	Returned *float64 `json:"returned_after_seconds,omitempty"`
}

// What is to be reached. Equal weights cost Envoy's two random choices more than
// HAProxy's leastconn, and known capacities are not the best of weights there.
const (
	overUntouched      = 0.75
	overKnown          = 1.06
	overUntouchedEnvoy = 0.70
	overKnownEnvoy     = 1.00
	errorTarget        = 0.01
)

// target is what the p99 under trimtab is meant to be at most, over that of
// another stack.
type target struct {
	over string
	most float64
}

func (p Proxy) targets() []target {
	if p == Envoy {
		return []target{{Untouched, overUntouchedEnvoy}, {Known, overKnownEnvoy}}
	}
	return []target{{Untouched, overUntouched}, {Known, overKnown}}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// some is v unless that is not a number, which JSON cannot say.
func some(v float64) *float64 {
	if v != v {
		return nil
	}
	return &v
}

func stackOf(name string, m stack.Measurement, weights []int) Stack {
	return Stack{
		Name: name, Requests: m.Requests, Errors: m.Errors.Total(),
		P50: ms(m.Latency.P50), P99: ms(m.Latency.P99), P999: ms(m.Latency.P999),
		Imbalance: m.Imbalance, Utilization: m.Utilization, Weights: weights,
		SendLateP99: ms(m.Validity.SendLate.P99), SendLateMax: ms(m.Validity.SendLate.Max), SendLateLimit: ms(m.Validity.Limit),
		CompletionLateP99: ms(m.CompletionLateP99), ProxyCPU: some(m.ProxyCPU),
	}
}

// judge fills in the ratios and the verdict.
func (r *Result) judge() {
	p99 := map[string]float64{}
	for _, s := range r.Stacks {
		p99[s.Name] = s.P99
	}
	r.Passed = r.Valid && r.Failure.Valid && r.Failure.Met
	for _, target := range r.Proxy.targets() {
		value := p99[Trimtab] / p99[target.over]
		if !(p99[Trimtab] > 0 && p99[target.over] > 0) {
			r.Passed = false
			continue
		}
		met := value <= target.most
		r.Ratios = append(r.Ratios, Ratio{Name: "p99 " + Trimtab + " / " + target.over, Value: value, Target: target.most, Met: met})
		r.Passed = r.Passed && met
	}
}
