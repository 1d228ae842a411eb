package source

import (
	"log/slog"
	"strings"
	"sync/atomic"
)

// journal keeps how one backend's reports go, for status and log. Its owner is
// one goroutine; status alone may be read by others.
type journal struct {
	log    *slog.Logger
	state  BackendStatus
	warned map[drop]bool
	status atomic.Pointer[BackendStatus]
}

func newJournal(backend string, log *slog.Logger) journal {
	return journal{log: log, state: BackendStatus{Backend: backend, Dropped: map[Reason]uint64{}}, warned: map[drop]bool{}}
}

func (j *journal) failed(err error) {
	if !j.state.Failing {
		j.log.Warn("load reports fail", "error", err)
	}
	j.state.Failures++
	j.state.Failing, j.state.LastError = true, err.Error()
}

func (j *journal) succeeded() {
	if j.state.Failing {
		j.log.Info("load reports work again", "after", j.state.LastError)
	}
	j.state.Failing, j.state.LastError = false, ""
}

// leftOut counts what was left out and logs what was not left out last time.
func (j *journal) leftOut(drops []drop) {
	now := map[drop]bool{}
	for _, d := range drops {
		j.state.Dropped[d.reason]++
		if now[d] = true; !j.warned[d] {
			j.log.Warn("value left out of load report", "signal", d.signal, "reason", string(d.reason), "hint", d.hint)
		}
	}
	j.warned = now
}

func (j *journal) publishStatus() {
	s := j.state.clone()
	s.LastError = strings.ToValidUTF8(s.LastError, "?")
	j.status.Store(&s)
}
