package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// PushRequest is one report of a request, with the pool that it is for.
type PushRequest struct {
	Pool string
	Pushed
}

// pushSignal is a field of a pushed report that is a number: the first of its names is
// that of the status API, the others are ORCA's.
type pushSignal struct {
	to    *float64
	names []string
}

func pushSignals(r *scorer.Report) []pushSignal {
	return []pushSignal{
		{&r.Utilization, []string{"utilization", "application_utilization"}},
		{&r.CPU, []string{"cpu", "cpu_utilization"}},
		{&r.Memory, []string{"memory", "mem_utilization"}},
		{&r.InFlight, []string{"in_flight"}},
		{&r.RPS, []string{"rps", "rps_fractional"}},
		{&r.EPS, []string{"eps"}},
		{&r.Latency, []string{"latency_seconds"}},
	}
}

// DecodePush reads the body of a push: one report, or a list of some.
//
//	{"pool": "web", "backend": "web1", "utilization": 0.4, "in_flight": 12,
//	 "rps": 30.5, "eps": 0, "latency_seconds": 0.02, "cpu": 0.3, "memory": 0.5,
//	 "named_metrics": {"queue": 7}, "ttl_seconds": 5}
//
// Pool and backend are required, and one signal at least; null is as good as absent.
// ORCA's names application_utilization, cpu_utilization, mem_utilization and
// rps_fractional are taken, too. An error says which report is meant, counted from 0;
// unknown fields are errors, as a misspelt signal would be missed by nobody.
func DecodePush(body []byte, most int) ([]PushRequest, error) {
	text := bytes.TrimSpace(body)
	if len(text) == 0 {
		return nil, errors.New("the body is empty, want a report or a list of reports")
	}
	if text[0] != '[' {
		one, err := decodePushed(text)
		if err != nil {
			return nil, err
		}
		return []PushRequest{one}, nil
	}
	var list []json.RawMessage
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("not a list of JSON objects: %w", err)
	}
	if len(list) == 0 || len(list) > most {
		return nil, fmt.Errorf("%d reports: want 1 to %d", len(list), most)
	}
	out := make([]PushRequest, len(list))
	for i, raw := range list {
		one, err := decodePushed(raw)
		if err != nil {
			return nil, fmt.Errorf("report %d: %w", i, err)
		}
		out[i] = one
	}
	return out, nil
}

func decodePushed(raw []byte) (PushRequest, error) {
	fields, err := uniqueFields(raw)
	if err != nil {
		return PushRequest{}, err
	}
	out := PushRequest{Pushed: Pushed{Report: scorer.NewReport("", PushOrigin, time.Time{})}}
	for key, to := range map[string]*string{"pool": &out.Pool, "backend": &out.Report.Backend} {
		if err := json.Unmarshal(fields[key], to); err != nil || *to == "" {
			return PushRequest{}, fmt.Errorf("%s: is required, a text", key)
		}
		delete(fields, key)
	}
	if err := out.signals(fields); err != nil {
		return PushRequest{}, fmt.Errorf("pool %q, backend %q: %w", out.Pool, out.Report.Backend, err)
	}
	return out, nil
}

// signals takes all but the names.
func (p *PushRequest) signals(fields map[string]json.RawMessage) error {
	for _, s := range pushSignals(&p.Report) {
		for _, name := range s.names {
			raw, ok := fields[name]
			delete(fields, name)
			if !ok || string(raw) == "null" {
				continue
			}
			v, err := plainNumber(raw)
			switch {
			case err != nil:
				return fmt.Errorf("%s: %w", name, err)
			case !math.IsNaN(*s.to):
				return fmt.Errorf("%s and %s are the same signal: send one", s.names[0], name)
			}
			*s.to = v
		}
	}
	if raw, ok := fields["ttl_seconds"]; ok && string(raw) != "null" {
		v, err := plainNumber(raw)
		if err != nil || !(v > 0 && v <= maxTTL.Seconds()) {
			return fmt.Errorf("ttl_seconds: %s: want a number above 0", short(raw))
		}
		p.TTL = time.Duration(v * float64(time.Second))
	}
	delete(fields, "ttl_seconds")
	if raw, ok := fields["named_metrics"]; ok && string(raw) != "null" {
		if err := p.named(raw); err != nil {
			return fmt.Errorf("named_metrics: %w", err)
		}
	}
	delete(fields, "named_metrics")
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		return fmt.Errorf("unknown field %q: want pool, backend, utilization, cpu, memory, in_flight, rps, eps, latency_seconds, named_metrics, ttl_seconds", name)
	}
	return nil
}

// maxTTL keeps a duration from overflowing; how much is allowed is for the pool.
const maxTTL = 24 * time.Hour

func (p *PushRequest) named(raw json.RawMessage) error {
	values, err := uniqueFields(raw)
	if err != nil {
		return err
	}
	p.Report.Named = make(map[string]float64, len(values))
	for name, raw := range values {
		v, err := plainNumber(raw)
		if err != nil {
			return fmt.Errorf("%q: %w", name, err)
		}
		p.Report.Named[name] = v
	}
	return nil
}

// plainNumber reads a JSON number.
func plainNumber(raw json.RawMessage) (float64, error) {
	var v float64
	if err := json.Unmarshal(raw, &v); err != nil || string(raw) == "null" {
		return 0, fmt.Errorf("%s is not a number that can be used", short(raw))
	}
	return v, nil
}

// uniqueFields reads an object whose keys differ: of two equal ones, encoding/json
// would take either without a word.
func uniqueFields(raw []byte) (map[string]json.RawMessage, error) {
	in := json.NewDecoder(bytes.NewReader(raw))
	if start, err := in.Token(); err != nil || start != json.Delim('{') {
		return nil, fmt.Errorf("%s is not a JSON object", short(raw))
	}
	out := map[string]json.RawMessage{}
	for in.More() {
		key, err := in.Token()
		if err != nil {
			return nil, fmt.Errorf("not JSON: %w", err)
		}
		name, _ := key.(string)
		var value json.RawMessage
		if err := in.Decode(&value); err != nil {
			return nil, fmt.Errorf("%q: not JSON: %w", name, err)
		}
		if _, again := out[name]; again {
			return nil, fmt.Errorf("%q: is there twice", name)
		}
		out[name] = value
	}
	if _, err := in.Token(); err != nil {
		return nil, fmt.Errorf("not JSON: %w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows after the JSON object")
	}
	return out, nil
}

// short is enough of a text to find it.
func short(raw []byte) string {
	const most = 40
	if len(raw) > most {
		raw = append(slices.Clone(raw[:most]), "…"...)
	}
	return strings.ToValidUTF8(string(raw), "?")
}
