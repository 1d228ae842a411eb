package source

import (
	"fmt"
)

// HTTP polls backends for a load report with ORCA's field names. It is taken
// from the first of these that is there:
//
//   - header endpoint-load-metrics-bin: an OrcaLoadReport in base64
//   - header endpoint-load-metrics: "TEXT cpu_utilization=0.3,…", "JSON {…}" or
//     "BIN …", as Envoy and gRPC take it
//   - a body of type application/x-protobuf or application/protobuf: an
//     OrcaLoadReport
//   - any other body: JSON
//
// cpu_utilization, mem_utilization and application_utilization become the
// signals cpu, memory and utilization; rps_fractional (or rps) and eps the
// rates; named_metrics are taken as they are, and the utilization map with
// "utilization." before each name.
type HTTP struct{ *poller }

// NewHTTP returns a source that has not begun: Run begins.
func NewHTTP(o Options) (*HTTP, error) {
	p, err := newPoller("http", o, "application/json, application/x-protobuf;q=0.5", func() decoder { return orcaDecoder{} })
	if err != nil {
		return nil, fmt.Errorf("load reports over HTTP: %w", err)
	}
	return &HTTP{p}, nil
}
