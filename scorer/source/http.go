package source

import (
	"fmt"
	"net/http"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// HTTP polls backends for a JSON load report with ORCA's field names.
//
// cpu_utilization, mem_utilization and application_utilization become the
// signals cpu, memory and utilization; rps_fractional (or rps) and eps the
// rates; named_metrics are taken as they are, and the utilization map with
// "utilization." before each name.
type HTTP struct{ *poller }

// NewHTTP returns a source that has not begun: Run begins.
func NewHTTP(o Options) (*HTTP, error) {
	p, err := newPoller("http", o, "application/json", func() decoder { return jsonDecoder{} })
	if err != nil {
		return nil, fmt.Errorf("load reports over HTTP: %w", err)
	}
	return &HTTP{p}, nil
}

type jsonDecoder struct{}

func (jsonDecoder) decode(r *scorer.Report, _ http.Header, body []byte, _ time.Time) ([]drop, error) {
	return decodeORCA(r, body)
}
