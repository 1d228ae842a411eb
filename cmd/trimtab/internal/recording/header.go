package recording

import (
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Version is that of the format.
const Version = 1

// Header is the first line: what a new pool needs to begin like the recorded one.
type Header struct {
	Version int    `json:"trimtab_recording"`
	Pool    string `json:"pool"`
	// Program is the version of the trimtab that recorded. Another one may decide
	// otherwise.
	Program string    `json:"program"`
	At      time.Time `json:"at"`
	// FromStart is that the pool began together with the recording, so that the
	// same trimtab decides the same again to the last bit. See
	// [tuner.Beginning].
	FromStart bool   `json:"from_start"`
	Config    config `json:"config"`
	// Memory is what to recall at the time Recalled; null for nothing.
	Memory   *scorer.Memory `json:"memory"`
	Recalled time.Time      `json:"recalled"`
}

// config is a [scorer.Config].
type config struct {
	Kind   scorer.Kind `json:"kind"`
	Law    string      `json:"law"`
	DryRun bool        `json:"dry_run"`
	Trust  bool        `json:"trust"`
	Limits limits      `json:"limits"`
	Score  score       `json:"score"`
	Shed   *shed       `json:"shed,omitempty"`
}

// limits are [scorer.Limits].
type limits struct {
	Floor      float64  `json:"floor"`
	Ceiling    float64  `json:"ceiling"`
	Step       float64  `json:"step"`
	Deadband   float64  `json:"deadband"`
	StaleAfter duration `json:"stale_after"`
	SlowStart  duration `json:"slow_start"`
	MaxEjected float64  `json:"max_ejected"`
}

// score is a [scorer.ScoreConfig].
type score struct {
	Coefficients map[string]float64 `json:"coefficients"`
	Window       duration           `json:"window"`
}

// shed is a [scorer.ShedConfig].
type shed struct {
	StartAbove float64  `json:"start_above"`
	StopBelow  float64  `json:"stop_below"`
	Rate       float64  `json:"rate"`
	Horizon    duration `json:"horizon"`
	Sharers    int      `json:"sharers"`
}

func newShed(c *scorer.ShedConfig) *shed {
	if c == nil {
		return nil
	}
	return &shed{c.StartAbove, c.StopBelow, c.Rate, duration(c.Horizon), c.Sharers}
}

func (s *shed) scorer() *scorer.ShedConfig {
	if s == nil {
		return nil
	}
	return &scorer.ShedConfig{
		StartAbove: s.StartAbove, StopBelow: s.StopBelow, Rate: s.Rate,
		Horizon: time.Duration(s.Horizon), Sharers: s.Sharers,
	}
}

// NewHeader describes a recording of the pool that has the given configuration.
func NewHeader(program string, c scorer.Config, b tuner.Beginning) Header {
	l := c.Limits
	var memory *scorer.Memory
	if b.Memory != nil {
		copied := *b.Memory
		copied.At = rebase(b.At, copied.At)
		memory = &copied
	}
	return Header{
		Version: Version, Pool: c.Name, Program: program, At: rebase(b.At, b.At), FromStart: b.FromStart,
		Config: config{
			Kind: c.Kind, Law: c.Law, DryRun: c.DryRun, Trust: c.Trust,
			Limits: limits{
				Floor: l.Floor, Ceiling: l.Ceiling, Step: l.Step, Deadband: l.Deadband,
				StaleAfter: duration(l.StaleAfter), SlowStart: duration(l.SlowStart), MaxEjected: l.MaxEjected,
			},
			Score: score{Coefficients: c.Score.Coefficients, Window: duration(c.Score.Window)},
			Shed:  newShed(c.Shed),
		},
		Memory: memory, Recalled: rebase(b.At, b.Recalled),
	}
}

// Scorer is the pool's configuration.
func (h *Header) Scorer() scorer.Config {
	c, l := h.Config, h.Config.Limits
	return scorer.Config{
		Name: h.Pool, Kind: c.Kind, Law: c.Law, DryRun: c.DryRun, Trust: c.Trust,
		Limits: scorer.Limits{
			Floor: l.Floor, Ceiling: l.Ceiling, Step: l.Step, Deadband: l.Deadband,
			StaleAfter: time.Duration(l.StaleAfter), SlowStart: time.Duration(l.SlowStart), MaxEjected: l.MaxEjected,
		},
		Score: scorer.ScoreConfig{Coefficients: c.Score.Coefficients, Window: time.Duration(c.Score.Window)},
		Shed:  c.Shed.scorer(),
	}
}

// rebase is a time whose distance to the recording's beginning is the one that the
// pool saw: between times that have it, that of the monotonic clock.
func rebase(began, at time.Time) time.Time {
	if at.IsZero() {
		return at
	}
	return began.Round(0).UTC().Add(at.Sub(began))
}
