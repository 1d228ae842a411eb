package config

import (
	"cmp"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Scale asks for advice on how many backends the pool wants. See
// [scorer.ScaleConfig]; the only difference is that 0 switches a duration off.
type Scale struct {
	TargetUtilization float64       `yaml:"target_utilization"`
	Min               int           `yaml:"min"`
	Max               int           `yaml:"max,omitempty"` // 0: no bound
	UpAfter           time.Duration `yaml:"up_after"`
	DownAfter         time.Duration `yaml:"down_after"`
	Horizon           time.Duration `yaml:"horizon"`
	// Webhook is told when the advice changes; nil: nobody is.
	Webhook *Webhook `yaml:"webhook,omitempty"`
}

// Webhook is where changes are posted to. A text in its place is the URL.
type Webhook struct {
	URL string `yaml:"url" word:"true"`
	// TokenFile is the path of the file with the bearer token to show; empty for none.
	TokenFile string `yaml:"token_file,omitempty"`
}

func (s *Scale) setDefaults() {
	d := scorer.DefaultScale()
	*s = Scale{TargetUtilization: d.TargetUtilization, Min: d.Min, UpAfter: d.UpAfter, DownAfter: d.DownAfter, Horizon: d.Horizon}
}

// scorer is the settings in the scorer's terms.
func (s *Scale) scorer() *scorer.ScaleConfig {
	if s == nil {
		return nil
	}
	// 0 is the scorer's word for the default.
	return &scorer.ScaleConfig{
		TargetUtilization: s.TargetUtilization, Min: s.Min, Max: s.Max,
		UpAfter: cmp.Or(s.UpAfter, -1), DownAfter: cmp.Or(s.DownAfter, -1), Horizon: cmp.Or(s.Horizon, -1),
	}
}
