package web

import (
	"net/http"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// estimateShed answers what an order to rebalance would do.
func (s *server) estimateShed(w http.ResponseWriter, r *http.Request) {
	pool := r.PathValue("pool")
	estimate, err := s.EstimateShed(r.Context(), pool)
	if err != nil {
		s.refuseError(w, err)
		return
	}
	s.writeJSON(w, http.StatusOK, status.EstimateOf(pool, &estimate))
}

// shedding sends what is done about connections that are where they should not be.
func (w *writer) shedding(pool string, s *tuner.Snapshot) {
	for backend, shed := range s.Shed {
		w.send("trimtab_shed_connections_total", float64(shed.Closed), pool, backend)
		w.send("trimtab_shed_failures_total", float64(shed.Failures), pool, backend)
	}
	for i := range s.Plan.Decisions {
		d := &s.Plan.Decisions[i]
		w.send("trimtab_backend_connections_goal", d.Goal, pool, d.Backend)
		if d.Drain != nil && d.Drain.Left >= 0 {
			w.send("trimtab_drain_left", float64(d.Drain.Left), pool, d.Backend)
		}
	}
	shedding := &s.Plan.Shedding
	if shedding.State == scorer.ShedOff {
		return
	}
	w.send("trimtab_shed_excess", float64(shedding.Excess), pool)
	w.send("trimtab_shed_under_way", float64(shedding.UnderWay), pool)
	for _, state := range []scorer.ShedState{scorer.ShedBalanced, scorer.ShedWaiting, scorer.ShedActive, scorer.ShedHeld} {
		w.send("trimtab_shed_state", truth(state == shedding.State), pool, state.String())
	}
}
