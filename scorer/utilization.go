package scorer

import (
	"math"
	"time"
)

// UtilizationConfig has the gains of [Utilization]; those of the original have
// not been published.
type UtilizationConfig struct {
	// Proportional is how much of a relative error the logarithm of a weight
	// moves by for each report, Integral for each report and report before it,
	// Derivative for a change of the error.
	Proportional, Integral, Derivative float64
	// Windup bounds the integral, in relative errors; Range a weight, as a
	// factor on the configured one and its inverse.
	Windup, Range float64
}

// DefaultUtilization moves a weight by a fifth of the error: the weight is an
// integral itself, and a second of delay in the reports allows no more. The
// integral of that again is left at 0, as it only makes it overshoot.
func DefaultUtilization() UtilizationConfig {
	return UtilizationConfig{Proportional: 0.2, Derivative: 0.1, Windup: 5, Range: 20}
}

// Utilization is a controller for each backend whose set point is the pool's
// mean utilization and whose output is a change of the backend's weight
// (Dropbox's Robinhood).
type Utilization struct {
	config   UtilizationConfig
	backends map[string]*pid
	weights  []float64
}

type pid struct {
	log, integral, before float64
	begun                 bool
}

// NewUtilization returns the law at the configured weights.
func NewUtilization(config UtilizationConfig) *Utilization {
	return &Utilization{config: config, backends: map[string]*pid{}}
}

// Weights implements [Law].
func (u *Utilization) Weights(_ time.Time, in []Observation) []float64 {
	var sum, count float64
	for i := range in {
		if reportsUse(&in[i]) {
			sum += in[i].Utilization
			count++
		}
	}
	mean := sum / count
	u.weights = u.weights[:0]
	for i := range in {
		b := u.backends[in[i].Backend]
		if b == nil {
			b = &pid{}
			u.backends[in[i].Backend] = b
		}
		if mean > 0 && reportsUse(&in[i]) {
			b.move(1-in[i].Utilization/mean, &u.config)
		}
		u.weights = append(u.weights, in[i].Capacity*math.Exp(b.log))
	}
	u.center(in)
	return u.weights
}

func reportsUse(o *Observation) bool {
	return o.InService && o.Reported && o.Utilization >= 0
}

// move takes a relative error: above 0 is less busy than the mean.
func (b *pid) move(e float64, c *UtilizationConfig) {
	e = max(e, -1) // one that is far too busy gives away what it can in one step
	b.integral = min(max(b.integral+e, -c.Windup), c.Windup)
	delta := c.Proportional*e + c.Integral*b.integral
	if b.begun {
		delta += c.Derivative * (e - b.before)
	}
	b.begun, b.before = true, e
	limit := math.Log(c.Range)
	b.log = min(max(b.log+delta, -limit), limit)
}

// center keeps the mean change of the backends in service at none, and forgets
// who is gone.
func (u *Utilization) center(in []Observation) {
	var sum, count float64
	present := make(map[string]bool, len(in))
	for i := range in {
		present[in[i].Backend] = true
		if in[i].InService {
			sum += u.backends[in[i].Backend].log
			count++
		}
	}
	for name, b := range u.backends {
		switch {
		case !present[name]:
			delete(u.backends, name)
		case count > 0:
			b.log -= sum / count
		}
	}
}
