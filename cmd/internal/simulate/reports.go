package simulate

import (
	"fmt"
	"time"
)

// Reports is how backends tell of their load.
type Reports struct {
	// Period is how often; 0 means a second. Delay is how long a report is under
	// way. Both are rounded up to a [Tick].
	Period, Delay time.Duration
	// Noise is the relative standard deviation of the utilization.
	Noise float64
	// Missing is the share of reports that never arrive.
	Missing float64
	// HideNeighbour leaves the cores that neighbours take out of the
	// utilization, everywhere and always: backends know only their own use.
	HideNeighbour bool
}

// ReportMode is what becomes of a backend's reports.
type ReportMode uint8

const (
	// ReportTrue reports arrive as they are measured.
	ReportTrue ReportMode = iota
	// ReportStop is none at all.
	ReportStop
	// ReportZero says that nothing is used; the counts are true.
	ReportZero
	// ReportFull says that all is used; the counts are true.
	ReportFull
	// ReportFrozen repeats the last report from before.
	ReportFrozen
)

// DefaultReports arrive a second late with 5 % noise.
func DefaultReports() *Reports { return &Reports{Delay: time.Second, Noise: 0.05} }

func (r *Reports) check() error {
	switch {
	case r == nil:
		return nil
	case r.Period < 0 || r.Delay < 0:
		return fmt.Errorf("reports: period %v, delay %v: must not be negative", r.Period, r.Delay)
	case !(r.Noise >= 0) || !(r.Missing >= 0 && r.Missing <= 1):
		return fmt.Errorf("reports: noise %v, missing %v: must be at least 0, a share from 0 to 1", r.Noise, r.Missing)
	default:
		return nil
	}
}

// period is how many ticks lie between reports, delay how many one is under way.
func (r *Reports) period() int {
	if r.Period == 0 {
		return ticksPerStep
	}
	return ticksIn(r.Period)
}

func (r *Reports) delay() int { return ticksIn(r.Delay) }

func ticksIn(d time.Duration) int { return int((d + Tick - 1) / Tick) }

// Load is what one report says.
type Load struct {
	// Utilization is the share of its capacity in use: 1 is full.
	Utilization float64
	// Completed and Failed are what ended per second, the failed part of it
	// being the second. InFlight is what was there when the report was made.
	Completed, Failed, InFlight float64
}
