package admin

import (
	"fmt"

	"github.com/trimtab-lb/trimtab/scorer"
)

// defaultBreaker is what Envoy lets in at once where nothing is configured.
const defaultBreaker = 1024

// Seen is what is known of a cluster that is to be steered.
type Seen struct {
	Version Version
	Config  ClusterConfig
	Cluster Cluster
	Stats   Stats
	// Kind is what it serves.
	Kind scorer.Kind
}

// Warnings say what would get in the way of weights, and what to do about it.
func Warnings(s Seen) []string {
	var out []string
	warn := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	if limit := min(s.Cluster.MaxConnections, s.Cluster.MaxPending, s.Cluster.MaxRequests); limit > 0 && limit <= defaultBreaker && s.keepsOpen() {
		more := ""
		if n := s.Stats.Overflows[s.Cluster.StatName]; n > 0 {
			more = fmt.Sprintf(" (it has happened %d times)", n)
		}
		warn("circuit breakers let %d in at once: WebSockets beyond that are left waiting without an answer%s; raise max_connections, max_pending_requests and max_requests", limit, more)
	}
	if s.Config.SlowStart > 0 {
		warn("slow_start_config of %s works beside trimtab's own slow start: take it out", s.Config.SlowStart)
	}
	if s.Config.ByLocality {
		warn("weights of localities decide before those of endpoints: an endpoint's weight shares only what its locality gets")
	}
	if s.Version.before(1, 40) && s.Config.MergeWindow > 0 {
		warn("Envoy %s waits up to %s with a change that follows another: a drain may come that late; set common_lb_config.update_merge_window to 0s", s.Version, s.Config.MergeWindow)
	}
	if !s.Version.ReportsEndpoints() {
		warn("Envoy %s reports no load by endpoint (1.36 and later do): have the backends report theirs", s.Version)
	}
	return out
}

// keepsOpen says whether the work may be WebSockets.
func (s *Seen) keepsOpen() bool {
	return s.Kind == scorer.KindConnections || s.Stats.Upgrades > 0 || s.Stats.Overflows[s.Cluster.StatName] > 0
}
