package web

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// maxMissed is how many ticks a pool may be late before it counts as stuck.
const maxMissed = 3

func (s *server) healthz(w http.ResponseWriter, _ *http.Request) {
	writeReasons(w, stuck(s.Snapshots(), time.Now(), s.Tick))
}

func (s *server) readyz(w http.ResponseWriter, _ *http.Request) {
	writeReasons(w, notReady(s.Snapshots()))
}

func writeReasons(w http.ResponseWriter, reasons []string) {
	w.Header().Set("Cache-Control", "no-store")
	if len(reasons) > 0 {
		http.Error(w, strings.Join(reasons, "\n"), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintln(w, "ok")
}

// stuck says which pools' owners have stopped stepping. A pool that has not
// published anything is for readiness to judge.
func stuck(snaps []*tuner.Snapshot, now time.Time, tick time.Duration) []string {
	var reasons []string
	for _, s := range snaps {
		if s == nil {
			continue
		}
		last, what := s.Plan.At, "last step"
		if s.Plan.Seq == 0 {
			last, what = s.Started, "started without a step"
		}
		if late := now.Sub(last); late > maxMissed*tick {
			reasons = append(reasons, fmt.Sprintf("pool %s: %s %s ago, want every %s",
				s.Plan.Pool, what, late.Round(time.Millisecond), tick))
		}
	}
	return reasons
}

// notReady says which pools do not steer anything, and why.
func notReady(snaps []*tuner.Snapshot) []string {
	if len(snaps) == 0 {
		return []string{"no pool is running"}
	}
	var reasons []string
	for _, s := range snaps {
		if s == nil {
			reasons = append(reasons, "a pool has not started")
			continue
		}
		for _, reason := range poolNotReady(s) {
			reasons = append(reasons, "pool "+s.Plan.Pool+": "+reason)
		}
	}
	return reasons
}

func poolNotReady(s *tuner.Snapshot) []string {
	var reasons []string
	switch {
	case s.Plan.Seq == 0:
		reasons = append(reasons, "no plan so far")
	case len(s.Plan.Decisions) == 0:
		reasons = append(reasons, "no backends")
	case s.Reports == 0:
		reasons = append(reasons, "no load report so far")
	}
	for _, t := range s.Targets {
		switch {
		case t.LastError != "":
			// One line each: the body is read by line.
			reasons = append(reasons, "target "+t.Name+": "+strings.Join(strings.Fields(t.LastError), " "))
		case t.Applies == 0:
			reasons = append(reasons, "target "+t.Name+": nothing applied so far")
		}
	}
	return reasons
}
