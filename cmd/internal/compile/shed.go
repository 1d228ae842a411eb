package compile

import (
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/scorer"
)

// shed says how connections are evened out, and by how many trimtabs.
func shed(f scenario.File, s *simulate.Scenario) {
	if f.Shed != nil {
		s.Shed = &scorer.ShedConfig{StartAbove: f.Shed.StartAbove, StopBelow: f.Shed.StopBelow, Rate: float64(f.Shed.Rate)}
		if f.Shed.Order == scenario.ShedYoungest {
			s.ShedOrder = simulate.ShedYoungest
		}
	}
	if f.Trimtabs != nil {
		s.Trimtabs, s.ViewDelay = f.Trimtabs.Count, f.Trimtabs.ViewDelay
	}
}
