package scorer

import (
	"fmt"
	"time"
)

// ScaleConfig says how full backends should be, and how long a need has to last
// before it counts. The zero value of every field but Min and Max means its
// default.
type ScaleConfig struct {
	// TargetUtilization is how full the backends should be on the average: above 0
	// and at most 1. Default 0.7.
	TargetUtilization float64
	// Min and Max bound how many backends are wanted: 1 <= Min <= Max. Min 0 means
	// 1; Max 0 is no bound.
	Min, Max int
	// UpAfter is for how long more have to be needed before more are wanted, DownAfter
	// for how long fewer. Defaults 30 s and 5 min; negative is at once.
	UpAfter, DownAfter time.Duration
	// Horizon is how far ahead a rise of the load counts: about as long as a new
	// backend takes to carry its part. Default 2 min; negative does not look ahead.
	Horizon time.Duration
}

// DefaultScale is the settings where nothing else is configured.
func DefaultScale() ScaleConfig {
	return ScaleConfig{
		TargetUtilization: 0.7, Min: 1,
		UpAfter: 30 * time.Second, DownAfter: 5 * time.Minute, Horizon: 2 * time.Minute,
	}
}

func (c ScaleConfig) withDefaults() ScaleConfig {
	d := DefaultScale()
	setDefault(&c.TargetUtilization, d.TargetUtilization)
	setDefault(&c.Min, d.Min)
	setDefault(&c.UpAfter, d.UpAfter)
	setDefault(&c.DownAfter, d.DownAfter)
	setDefault(&c.Horizon, d.Horizon)
	c.UpAfter, c.DownAfter, c.Horizon = max(c.UpAfter, 0), max(c.DownAfter, 0), max(c.Horizon, 0)
	return c
}

func (c ScaleConfig) check() error {
	switch {
	case !(c.TargetUtilization > 0 && c.TargetUtilization <= 1):
		return fmt.Errorf("scale: target_utilization %v: must be above 0 and at most 1", c.TargetUtilization)
	case c.Min < 1:
		return fmt.Errorf("scale: min %d: must be at least 1", c.Min)
	case c.Max != 0 && c.Max < c.Min:
		return fmt.Errorf("scale: max %d: must be at least min %d", c.Max, c.Min)
	}
	return nil
}
