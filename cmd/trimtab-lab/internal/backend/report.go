package backend

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// Report is a load report with the field names of ORCA
// (xds.data.orca.v3.OrcaLoadReport): averages over Config.ReportWindow.
type Report struct {
	// CPUUtilization is busy cores over cores, averaged over time, 0 to 1.
	CPUUtilization float64 `json:"cpu_utilization"`
	// ApplicationUtilization is the same: processor is all there is to run out of.
	ApplicationUtilization float64 `json:"application_utilization"`
	// MemUtilization is open requests and sockets over what the backend is
	// meant to hold, openPerCore for each core.
	MemUtilization float64 `json:"mem_utilization"`
	// RPS is requests and sockets ended per second, EPS the failed ones of them.
	RPS float64 `json:"rps_fractional"`
	EPS float64 `json:"eps"`
	// Named has "in_flight" and "sockets": requests and WebSockets open now.
	Named map[string]float64 `json:"named_metrics"`
}

// openPerCore is how many open requests and sockets the memory is for.
const openPerCore = 1000

// Totals are counts since the start.
type Totals struct {
	// BusySeconds is the integral of busy cores over time. Its growth over
	// cores and time is the utilization.
	BusySeconds float64
	// Served and Failed are requests ended well and otherwise; WebSockets that did
	// not come about have failed.
	Served, Failed uint64
	// Messages and FailedMessages are those that were given an [Answer], well and
	// otherwise.
	Messages, FailedMessages uint64
	// Sockets is WebSockets opened, OpenSockets and OpenRequests what is open now.
	Sockets                   uint64
	OpenSockets, OpenRequests int
}

// Totals are the backend's counts as of now.
func (b *Backend) Totals() Totals {
	s := b.station
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.arm()
	return Totals{
		BusySeconds: s.queue.busy,
		Served:      s.count.served, Failed: s.count.failed,
		Messages: s.count.messages, FailedMessages: s.count.failedMessages,
		Sockets: s.count.sockets, OpenSockets: s.count.openSockets, OpenRequests: s.count.openRequests,
	}
}

// Report is the backend's load as of now.
func (b *Backend) Report() Report {
	s := b.station
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settle()
	s.arm()
	rate, _ := s.meter.rates(s.point())
	utilization := rate.busy / b.cfg.Cores
	return Report{
		CPUUtilization:         utilization,
		ApplicationUtilization: utilization,
		MemUtilization:         float64(s.count.openRequests+s.count.openSockets) / (openPerCore * b.cfg.Cores),
		RPS:                    rate.done,
		EPS:                    rate.failed,
		Named: map[string]float64{
			"in_flight": float64(s.count.openRequests),
			"sockets":   float64(s.count.openSockets),
		},
	}
}

// reported is what the backend says of its load, false for nothing.
func (b *Backend) reported() (Report, bool) {
	if b.cfg.Report == nil {
		return b.Report(), true
	}
	return b.cfg.Report()
}

func (b *Backend) serveLoad(w http.ResponseWriter, _ *http.Request) {
	report, ok := b.reported()
	if !ok {
		http.Error(w, "no load report", http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(report)
}

// addReport puts the report into an answer where it belongs there.
func (b *Backend) addReport(h http.Header) {
	if !b.cfg.InBand {
		return
	}
	if r, ok := b.reported(); ok {
		h["Endpoint-Load-Metrics"] = []string{fmt.Sprintf("TEXT application_utilization=%g,cpu_utilization=%g,rps_fractional=%g,eps=%g",
			r.ApplicationUtilization, r.CPUUtilization, r.RPS, r.EPS)}
	}
}
