package config

import (
	"cmp"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Shed says when and how connections are asked to reconnect. See
// [scorer.ShedConfig]; the only difference is that 0 switches Horizon off. With a
// large StartAbove nothing begins by itself, and the rest is for orders.
type Shed struct {
	StartAbove float64       `yaml:"start_above"`
	StopBelow  float64       `yaml:"stop_below"`
	Rate       PerSecond     `yaml:"rate"`
	Horizon    time.Duration `yaml:"horizon"`
	// Sharers is how many trimtabs shed in this pool.
	Sharers int `yaml:"sharers"`
	// Order is which connections are asked first. Default oldest.
	Order string `yaml:"order" oneof:"oldest|youngest"`
	// Hook is where the backends themselves are told to ask connections to leave;
	// nil: HAProxy closes them.
	Hook *ShedHook `yaml:"hook,omitempty"`
}

// ShedHook is where a backend takes POST /shed.
type ShedHook struct {
	// Port is the hook's where it is not that of the backend's address. 0: the same.
	Port int `yaml:"port,omitempty"`
	// Path is the path there. Default /shed.
	Path string `yaml:"path,omitempty"`
	// URL stands in place of both; it may contain {address} (host:port), {host} and
	// {name}.
	URL string `yaml:"url,omitempty"`
	// TokenFile is the path of the file with the bearer token to show; empty for none.
	TokenFile string `yaml:"token_file,omitempty"`
}

// defaultShedPath is where package report serves the hook.
const defaultShedPath = "/shed"

// Template is the URL with its placeholders.
func (h *ShedHook) Template() string {
	if h.URL != "" {
		return h.URL
	}
	if h.Port > 0 {
		return "http://{host}:" + strconv.Itoa(h.Port) + h.Path
	}
	return "http://{address}" + h.Path
}

func (s *Shed) setDefaults() {
	d := scorer.DefaultShed()
	*s = Shed{
		StartAbove: d.StartAbove, StopBelow: d.StopBelow, Rate: PerSecond(d.Rate),
		Horizon: d.Horizon, Sharers: d.Sharers, Order: "oldest",
	}
}

// scorer is the settings in the scorer's terms.
func (s *Shed) scorer() *scorer.ShedConfig {
	if s == nil {
		return nil
	}
	return &scorer.ShedConfig{
		StartAbove: s.StartAbove, StopBelow: s.StopBelow, Rate: float64(s.Rate),
		Horizon: cmp.Or(s.Horizon, -1), // 0 is the scorer's word for the default
		Sharers: s.Sharers,
	}
}

// PerSecond is a part of a whole per second, written as 1%/s.
type PerSecond float64

// MarshalYAML writes it as it is read.
func (p PerSecond) MarshalYAML() (any, error) {
	return strconv.FormatFloat(float64(p)*100, 'g', 12, 64) + "%/s", nil
}

func (d *decoder) decodePerSecond(n *yaml.Node, v reflect.Value, path string) {
	text, isShare := strings.CutSuffix(strings.TrimSpace(n.Value), "%/s")
	value, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	switch {
	case n.Kind != yaml.ScalarNode:
		d.refuse(n, path, "", "is %s, want a part per second such as 1%%/s", describe(n))
	case !isShare || err != nil || math.IsNaN(value) || math.IsInf(value, 0):
		d.refuse(n, path, "write 1%/s for a hundredth of all connections per second", "%q is not a part per second", n.Value)
	default:
		v.SetFloat(value / 100)
	}
}
