package source

import (
	"encoding/base64"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/proto"

	"github.com/trimtab-lb/trimtab/scorer"
)

func marshal(t testing.TB, m *orcav3.OrcaLoadReport) []byte {
	t.Helper()
	raw, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestDecodeEveryForm(t *testing.T) {
	binary := marshal(t, &orcav3.OrcaLoadReport{
		CpuUtilization: 0.5, MemUtilization: 0.25, ApplicationUtilization: 1.5, RpsFractional: 12.5, Eps: 1,
		Utilization: map[string]float64{"disk": 0.7}, NamedMetrics: map[string]float64{"queue": 42, "none": 0},
		RequestCost: map[string]float64{"x": 1},
	})
	whole := func(r *scorer.Report) {
		r.CPU, r.Memory, r.Utilization, r.RPS, r.EPS = 0.5, 0.25, 1.5, 12.5, 1
		r.Named = map[string]float64{"utilization.disk": 0.7, "queue": 42, "none": 0}
	}
	header := func(name, value string) http.Header {
		h := http.Header{}
		h.Set(name, value)
		return h
	}
	for _, tt := range []struct {
		name   string
		header http.Header
		body   string
		want   func(*scorer.Report)
		drops  []drop
		err    string
	}{
		{name: "binary header", header: header("endpoint-load-metrics-bin", base64.StdEncoding.EncodeToString(binary)), body: "ok", want: whole},
		{name: "binary header without padding", header: header("endpoint-load-metrics-bin", base64.RawStdEncoding.EncodeToString(binary)), want: whole},
		{name: "native header, binary", header: header("endpoint-load-metrics", "BIN "+base64.StdEncoding.EncodeToString(binary)), want: whole},
		{name: "binary body", header: header("Content-Type", "application/x-protobuf"), body: string(binary), want: whole},
		{name: "binary body by its other name", header: header("Content-Type", "application/protobuf; messageType=xds.data.orca.v3.OrcaLoadReport"), body: string(binary), want: whole},
		{
			name:   "native header, JSON",
			header: header("endpoint-load-metrics", `JSON {"cpu_utilization":0.5,"named_metrics":{"queue":42}}`), body: `{"cpu_utilization":0.9}`,
			want: func(r *scorer.Report) { r.CPU, r.Named = 0.5, map[string]float64{"queue": 42} },
		},
		{
			name:   "native header, text",
			header: header("endpoint-load-metrics", "TEXT cpu_utilization=0.5, mem_utilization=0.25,application_utilization=1.5,rps_fractional=12.5,eps=1,utilization.disk=0.7,named_metrics.queue=42,named_metrics.none=0,request_cost.x=1"),
			want:   whole,
		},
		{
			name: "text of which some is wrong", header: header("endpoint-load-metrics", "TEXT cpu_utilization=85,eps=x,named_metrics.a=nan,named_metrics.b=1,,odd"),
			want: func(r *scorer.Report) { r.Named = map[string]float64{"b": 1} },
			drops: []drop{
				{signal: "errors", reason: NotANumber},
				{signal: "a", reason: NotANumber},
				{"cpu", Percent, "1 is full; divide percent by 100"},
			},
		},
		{name: "text with zeros", header: header("endpoint-load-metrics", "TEXT cpu_utilization=0"), want: func(r *scorer.Report) { r.CPU = 0 }},
		{name: "older rps", header: header("Content-Type", "application/protobuf"), body: "\x18\x07", want: func(r *scorer.Report) { r.RPS = 7 }},
		{name: "text of nothing", header: header("endpoint-load-metrics", "TEXT "), err: "header endpoint-load-metrics: no load in the report"},
		{name: "another format", header: header("endpoint-load-metrics", "XML <a/>"), err: `format "XML": want TEXT, JSON or BIN`},
		{name: "not base64", header: header("endpoint-load-metrics-bin", "%%"), err: "header endpoint-load-metrics-bin: illegal base64"},
		{name: "not a message", header: header("Content-Type", "application/protobuf"), body: "\xff", err: "not an OrcaLoadReport"},
		{name: "an empty message", header: header("Content-Type", "application/protobuf"), err: "every field is 0 or absent"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := report(func(*scorer.Report) {})
			drops, err := orcaDecoder{}.decode(&got, tt.header, []byte(tt.body), time.Time{})
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

// A signal that was there and is not any more is 0, as protobuf does not send
// zeros; one that never was is absent.
func TestAbsentInAStreamIsZeroOnceSeen(t *testing.T) {
	var s seen
	for _, tt := range []struct {
		m                   *orcav3.OrcaLoadReport
		cpu, requests, used float64
	}{
		{&orcav3.OrcaLoadReport{}, math.NaN(), math.NaN(), math.NaN()},
		{&orcav3.OrcaLoadReport{CpuUtilization: 0.5}, 0.5, math.NaN(), math.NaN()},
		{&orcav3.OrcaLoadReport{RpsFractional: 3}, 0, 3, math.NaN()},
		{&orcav3.OrcaLoadReport{}, 0, 0, math.NaN()},
	} {
		r := report(func(*scorer.Report) {})
		s.fill(&r, tt.m)
		want := []float64{tt.cpu, tt.requests, tt.used}
		if diff := cmp.Diff(want, []float64{r.CPU, r.RPS, r.Utilization}, cmpopts.EquateNaNs()); diff != "" {
			t.Errorf("after %v: cpu, requests, utilization (-want +got):\n%s", tt.m, diff)
		}
	}
}

func FuzzDecodeHeader(f *testing.F) {
	for _, seed := range []string{
		"TEXT cpu_utilization=0.5,named_metrics.queue=1", "JSON {\"eps\":1}", "BIN CQAAAAAAAOA/", "BIN ====", "TEXT =,=", "",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		r := report(func(*scorer.Report) {})
		if _, err := decodeNative(&r, value); err != nil {
			return
		}
		check(&r)
		sound(t, r)
	})
}
