package daemon

import (
	"log/slog"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/scorer/discover"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// discovery says who is in a pool beside the configuration and the proxies.
type discovery interface {
	tuner.Discoverer
	Status() discover.Status
}

// newDiscovery is what a pool's backends are discovered by, nil for nothing.
func newDiscovery(c config.Pool, log *slog.Logger) (discovery, error) {
	switch {
	case !c.Discovered():
		return nil, nil
	case c.From.File != nil:
		return discover.NewFile(discover.FileOptions{Path: c.From.File.Path, Period: c.From.File.Period, Logger: log}), nil
	default:
		d := c.From.DNS
		return discover.NewDNS(discover.DNSOptions{
			Name: d.Name, SRV: d.Type == config.TypeSRV, Port: d.Port, Server: d.Server, Period: d.Period, Logger: log,
		})
	}
}

// withDiscovery adds how the discovery does to the sources of a snapshot, which is a
// copy.
func (p *pool) withDiscovery(s *tuner.Snapshot) {
	if p.discovery == nil {
		return
	}
	d := p.discovery.Status()
	s.Sources = append(slices.Clone(s.Sources), tuner.SourceStatus{Name: d.Name, LastError: d.LastError})
}
