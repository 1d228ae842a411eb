package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trimtab-lb/trimtab/scorer"
)

// utilizationPrefix is put before the names of ORCA's utilization map, as gRPC
// does where it names them (gRFC A114); named_metrics keep their names.
const utilizationPrefix = "utilization."

func isRatio(name string) bool { return strings.HasPrefix(name, utilizationPrefix) }

// decodeORCA reads a JSON load report with the field names of
// xds.data.orca.v3.OrcaLoadReport, in snake_case or lowerCamelCase, and of
// unknown fields takes no notice. It does not use the generated message: in
// proto3 an absent double reads as 0, and 0 is a measurement here.
func decodeORCA(r *scorer.Report, body []byte) ([]drop, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	drops := decodeScalars(r, fields)
	for _, m := range []struct {
		prefix string
		names  []string
	}{
		{utilizationPrefix, []string{"utilization"}},
		{"", []string{"named_metrics", "namedMetrics"}},
	} {
		if raw, ok := field(fields, m.names...); ok {
			drops = append(drops, decodeNamed(r, raw, m.prefix)...)
		}
	}
	countOpen(r)
	return drops, orEmpty(r, drops)
}

// orEmpty is an error when there was nothing in a report at all.
func orEmpty(r *scorer.Report, drops []drop) error {
	if len(drops) == 0 && empty(*r) {
		return errors.New("no load in the report: want application_utilization, cpu_utilization, mem_utilization, rps_fractional, eps, utilization or named_metrics")
	}
	return nil
}

// decodeScalars takes the fields that are single numbers.
func decodeScalars(r *scorer.Report, fields map[string]json.RawMessage) []drop {
	var drops []drop
	scalar := func(to *float64, signal string, names ...string) {
		raw, ok := field(fields, names...)
		if !ok {
			return
		}
		v, err := number(raw)
		if err != nil {
			drops = append(drops, drop{signal: signal, reason: NotANumber})
			return
		}
		*to = v
	}
	scalar(&r.Utilization, "utilization", "application_utilization", "applicationUtilization")
	scalar(&r.CPU, "cpu", "cpu_utilization", "cpuUtilization")
	scalar(&r.Memory, "memory", "mem_utilization", "memUtilization")
	scalar(&r.RPS, "requests", "rps_fractional", "rpsFractional", "rps")
	scalar(&r.EPS, "errors", "eps")
	return drops
}

// field is the first of the names that is present and not null.
func field(fields map[string]json.RawMessage, names ...string) (json.RawMessage, bool) {
	for _, name := range names {
		if raw, ok := fields[name]; ok && string(raw) != "null" {
			return raw, true
		}
	}
	return nil, false
}

func decodeNamed(r *scorer.Report, raw json.RawMessage, prefix string) []drop {
	var values map[string]json.RawMessage
	if err := json.Unmarshal(raw, &values); err != nil {
		return []drop{{strings.TrimSuffix(prefix, ".") + " map", NotANumber, "want a JSON object of numbers"}}
	}
	return takeNamed(r, values, prefix)
}

func takeNamed(r *scorer.Report, values map[string]json.RawMessage, prefix string) []drop {
	var drops []drop
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v, err := number(values[name])
		if err != nil || math.IsNaN(v) {
			drops = append(drops, drop{signal: prefix + name, reason: NotANumber})
			continue
		}
		if r.Named == nil {
			r.Named = map[string]float64{}
		}
		r.Named[prefix+name] = v
	}
	return drops
}

// number reads a JSON number, or a string of one: protobuf's JSON mapping
// writes 64-bit integers, NaN and infinities as strings.
func number(raw json.RawMessage) (float64, error) {
	text := string(raw)
	if strings.HasPrefix(text, `"`) {
		if err := json.Unmarshal(raw, &text); err != nil {
			return 0, err
		}
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0, err
	}
	if math.IsNaN(v) {
		return 0, errors.New("not a number")
	}
	return v, nil
}
