package web

import (
	"math"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

func (w *writer) xds(x XDS, now time.Time) {
	// Both are there from the start: an alert on nobody being connected needs the 0.
	connected := map[string]int{"envoy": 0, "grpc": 0}
	oldest := math.NaN()
	for _, n := range x.Nodes {
		connected[n.View]++
		if !n.LastReport.IsZero() {
			if age := max(now.Sub(n.LastReport), 0).Seconds(); !(age <= oldest) {
				oldest = age
			}
		}
	}
	for view, n := range connected {
		w.send("trimtab_xds_connected_nodes", float64(n), view)
	}
	w.send("trimtab_xds_streams", float64(x.Counters.Streams))
	for url, c := range x.Counters.Types {
		kind := status.TypeName(url)
		w.send("trimtab_xds_responses_total", float64(c.Acks), kind, "ack")
		w.send("trimtab_xds_responses_total", float64(c.Nacks), kind, "nack")
	}
	w.send("trimtab_xds_load_report_age_seconds", oldest)
}
