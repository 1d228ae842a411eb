package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
)

// Stats are counters of the whole Envoy, since it runs.
type Stats struct {
	// Upgrades are connections that became WebSockets or other streams.
	Upgrades uint64
	// Overflows are how often a cluster's circuit breakers held work back, by the
	// cluster's name in statistics.
	Overflows map[string]uint64
}

const upgradesStat = ".downstream_cx_upgrades_total"

// overflowStats are the ends of the names that are added up.
func overflowStats() []string {
	return []string{".upstream_cx_overflow", ".upstream_rq_pending_overflow"}
}

// Stats reads the counters.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	filter := `^cluster\..*\.(upstream_cx_overflow|upstream_rq_pending_overflow)$|^http\..*\.downstream_cx_upgrades_total$`
	return page(ctx, c, "/stats?format=json&filter="+url.QueryEscape(filter), decodeStats)
}

func decodeStats(data []byte) (Stats, error) {
	var all struct {
		Stats []struct {
			Name string
			// Histograms have something else, and no name.
			Value json.RawMessage
		}
	}
	if err := json.Unmarshal(data, &all); err != nil {
		return Stats{}, fmt.Errorf("%w: %w", errNotEnvoy, err)
	}
	out := Stats{Overflows: map[string]uint64{}}
	for _, s := range all.Stats {
		var value uint64
		if s.Name == "" || json.Unmarshal(s.Value, &value) != nil {
			continue
		}
		if strings.HasPrefix(s.Name, "http.") && strings.HasSuffix(s.Name, upgradesStat) {
			out.Upgrades += value
		}
		name, isCluster := strings.CutPrefix(s.Name, "cluster.")
		for _, end := range overflowStats() {
			if cluster, ok := strings.CutSuffix(name, end); ok && isCluster {
				out.Overflows[cluster] += value
			}
		}
	}
	return out, nil
}
