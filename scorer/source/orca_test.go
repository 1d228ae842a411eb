package source

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/scorer"
)

func report(edit func(*scorer.Report)) scorer.Report {
	r := scorer.NewReport("a", "o", time.Unix(0, 0))
	edit(&r)
	return r
}

func TestDecodeORCA(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       func(*scorer.Report)
		drops      []drop
		err        string
	}{
		{
			name: "snake_case",
			body: `{"cpu_utilization":0.5,"mem_utilization":0.25,"application_utilization":1.5,"rps_fractional":12.5,"eps":1,
				"utilization":{"disk":0.7},"named_metrics":{"queue":42}}`,
			want: func(r *scorer.Report) {
				r.CPU, r.Memory, r.Utilization, r.RPS, r.EPS = 0.5, 0.25, 1.5, 12.5, 1
				r.Named = map[string]float64{"utilization.disk": 0.7, "queue": 42}
			},
		},
		{
			name: "lowerCamelCase",
			body: `{"cpuUtilization":0.5,"memUtilization":0.25,"applicationUtilization":1.5,"rpsFractional":12.5,"namedMetrics":{"queue":42}}`,
			want: func(r *scorer.Report) {
				r.CPU, r.Memory, r.Utilization, r.RPS = 0.5, 0.25, 1.5, 12.5
				r.Named = map[string]float64{"queue": 42}
			},
		},
		{name: "zero is a measurement", body: `{"cpu_utilization":0}`, want: func(r *scorer.Report) { r.CPU = 0 }},
		{name: "null is absent", body: `{"cpu_utilization":null,"eps":2}`, want: func(r *scorer.Report) { r.EPS = 2 }},
		{name: "rps as protobuf writes it", body: `{"rps":"12"}`, want: func(r *scorer.Report) { r.RPS = 12 }},
		{name: "fractional wins", body: `{"rps":12,"rps_fractional":12.4}`, want: func(r *scorer.Report) { r.RPS = 12.4 }},
		{name: "unknown fields", body: `{"eps":1,"request_cost":{"x":1},"more":[]}`, want: func(r *scorer.Report) { r.EPS = 1 }},
		{
			name: "percent", body: `{"cpu_utilization":85,"rps":1}`,
			want:  func(r *scorer.Report) { r.RPS = 1 },
			drops: []drop{{"cpu", Percent, "1 is full; divide percent by 100"}},
		},
		{
			name: "bad values", body: `{"cpu_utilization":"NaN","mem_utilization":-1,"rps":"Infinity","eps":"many","application_utilization":0.5}`,
			want: func(r *scorer.Report) { r.Utilization = 0.5 },
			drops: []drop{
				{signal: "cpu", reason: NotANumber},
				{signal: "errors", reason: NotANumber},
				{signal: "memory", reason: Negative},
				{signal: "requests", reason: NotANumber},
			},
		},
		{
			name: "bad named", body: `{"eps":1,"utilization":{"disk":70,"net":0.5},"named_metrics":{"a":-1,"b":"x","c":2}}`,
			want: func(r *scorer.Report) {
				r.EPS, r.Named = 1, map[string]float64{"c": 2, "utilization.net": 0.5}
			},
			drops: []drop{
				{signal: "b", reason: NotANumber},
				{signal: "a", reason: Negative},
				{"utilization.disk", Percent, "1 is full; divide percent by 100"},
			},
		},
		{name: "no load", body: `{"status":"ok"}`, err: "no load in the report"},
		{name: "not an object", body: `[1]`, err: "not a JSON object"},
		{name: "not JSON", body: `<html>`, err: "not a JSON object"},
		{name: "empty", body: ``, err: "not a JSON object"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := report(func(*scorer.Report) {})
			drops, err := decodeORCA(&got, []byte(tt.body))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Fatalf("error %v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			drops = append(drops, check(&got)...)
			if diff := cmp.Diff(report(tt.want), got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.drops, drops, cmp.AllowUnexported(drop{})); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckBoundsNamedMetrics(t *testing.T) {
	r := report(func(r *scorer.Report) {
		r.Named = map[string]float64{}
		for i := range 300 {
			r.Named[strings.Repeat("x", i+1)] = 1
		}
	})
	if drops := check(&r); len(drops) != 300-maxNamed || len(r.Named) != maxNamed {
		t.Errorf("%d kept, %d left out, want %d and %d", len(r.Named), len(drops), maxNamed, 300-maxNamed)
	}
}

func FuzzDecodeORCA(f *testing.F) {
	for _, seed := range []string{
		`{"cpu_utilization":0.5,"utilization":{"disk":0.7},"named_metrics":{"queue":42}}`,
		`{"rps":"12","eps":"NaN"}`, `{"cpuUtilization":1e400}`, `{"utilization":[]}`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r := report(func(*scorer.Report) {})
		if _, err := decodeORCA(&r, body); err != nil {
			return
		}
		check(&r)
		sound(t, r)
	})
}

// sound fails unless every signal is absent or finite and not negative.
func sound(t *testing.T, r scorer.Report) {
	t.Helper()
	values := map[string]float64{
		"utilization": r.Utilization, "cpu": r.CPU, "memory": r.Memory,
		"requests": r.RPS, "errors": r.EPS, "in flight": r.InFlight, "latency": r.Latency,
	}
	for name, v := range values {
		if v < 0 || math.IsInf(v, 0) {
			t.Errorf("%s is %v", name, v)
		}
	}
	for name, v := range r.Named {
		if !(v >= 0) || math.IsInf(v, 0) {
			t.Errorf("named %q is %v", name, v)
		}
	}
}
