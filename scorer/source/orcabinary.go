package source

import (
	"errors"
	"fmt"
	"maps"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	"google.golang.org/protobuf/proto"

	"github.com/trimtab-lb/trimtab/scorer"
)

// seen are the signals that a stream has brought. In proto3 a 0 is not sent, so
// that only of a signal that was there before its absence means 0.
type seen struct{ cpu, memory, utilization, requests, errors bool }

// fill puts a message into a report.
func (s *seen) fill(r *scorer.Report, m *orcav3.OrcaLoadReport) {
	requests := m.GetRpsFractional()
	if requests == 0 {
		//lint:ignore SA1019 older servers set no other
		requests = float64(m.GetRps())
	}
	for _, one := range []struct {
		to    *float64
		value float64
		seen  *bool
	}{
		{&r.CPU, m.GetCpuUtilization(), &s.cpu},
		{&r.Memory, m.GetMemUtilization(), &s.memory},
		{&r.Utilization, m.GetApplicationUtilization(), &s.utilization},
		{&r.RPS, requests, &s.requests},
		{&r.EPS, m.GetEps(), &s.errors},
	} {
		if *one.seen = *one.seen || one.value != 0; *one.seen {
			*one.to = one.value
		}
	}
	if len(m.GetNamedMetrics())+len(m.GetUtilization()) == 0 {
		return
	}
	r.Named = make(map[string]float64, len(m.GetNamedMetrics())+len(m.GetUtilization()))
	for name, v := range m.GetUtilization() {
		r.Named[utilizationPrefix+name] = v
	}
	maps.Copy(r.Named, m.GetNamedMetrics())
	countOpen(r)
}

// decodeORCABinary reads an xds.data.orca.v3.OrcaLoadReport. Of a lone message
// there is no telling what was 0 and what was not set: both are absent.
func decodeORCABinary(r *scorer.Report, body []byte) error {
	var m orcav3.OrcaLoadReport
	if err := proto.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("not an OrcaLoadReport: %w", err)
	}
	(&seen{}).fill(r, &m)
	if empty(*r) {
		return errors.New("no load in the report: every field is 0 or absent")
	}
	return nil
}
