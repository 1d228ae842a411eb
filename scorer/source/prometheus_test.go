package source

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/scorer"
)

const page1 = `# HELP http_requests_total Requests.
# TYPE http_requests_total counter
http_requests_total{code="200"} 100
http_requests_total{code="500"} 4
# TYPE http_duration_seconds histogram
http_duration_seconds_bucket{le="+Inf"} 100
http_duration_seconds_sum 10
http_duration_seconds_count 100
# TYPE open gauge
open{kind="ws"} 7
open{kind="http"} 3
# TYPE busy gauge
busy 0.5
# TYPE waiting gauge
waiting 12
plain_total 5
`

const page2 = `# TYPE http_requests_total counter
http_requests_total{code="200"} 140
http_requests_total{code="500"} 6
http_requests_total{code="503"} 1000
# TYPE http_duration_seconds histogram
http_duration_seconds_bucket{le="+Inf"} 120
http_duration_seconds_sum 15
http_duration_seconds_count 120
# TYPE open gauge
open{kind="ws"} 8
open{kind="http"} 4
# TYPE busy gauge
busy 0.75
# TYPE waiting gauge
waiting 13
plain_total 3
`

func TestPageDecoder(t *testing.T) {
	for _, tt := range []struct {
		name          string
		metrics       Metrics
		first, second string
		want          func(*scorer.Report)
		drops         []drop
		err           string
	}{
		{
			name: "counters, gauges and a histogram",
			metrics: Metrics{
				Utilization: "busy", Requests: "http_requests_total", Errors: `http_requests_total{code=~"5.."}`,
				InFlight: "open", Latency: "http_duration_seconds", Named: map[string]string{"queue": "waiting"},
			},
			first: page1, second: page2,
			want: func(r *scorer.Report) {
				// The series of code 503 is new: what it counted before is unknown.
				r.Utilization, r.RPS, r.EPS, r.InFlight, r.Latency = 0.75, 21, 1, 12, 0.25
				r.Named = map[string]float64{"queue": 13}
			},
		},
		{
			name:    "observations as requests, by both names",
			metrics: Metrics{Requests: "http_duration_seconds", Errors: "http_duration_seconds_count", InFlight: `open{kind="ws"}`},
			first:   page1, second: page2,
			want: func(r *scorer.Report) { r.RPS, r.EPS, r.InFlight = 10, 10, 8 },
		},
		{
			name: "a counter that begins anew", metrics: Metrics{Requests: "plain_total"},
			first: page1, second: page2,
			want: func(r *scorer.Report) { r.RPS = 1.5 },
		},
		{
			name: "no failures so far", metrics: Metrics{Errors: `http_requests_total{code="418"}`},
			first: page1, second: page2,
			want: func(r *scorer.Report) { r.EPS = 0 },
		},
		{
			name: "the default names", first: page1,
			second: "application_utilization 0.4\ncpu_utilization 0.3\nmem_utilization 0.2\nrequests_in_flight 9\n",
			want: func(r *scorer.Report) {
				r.Utilization, r.CPU, r.Memory, r.InFlight = 0.4, 0.3, 0.2, 9
			},
			err: "",
		},
		{
			name: "missing and ambiguous", metrics: Metrics{CPU: "cpu", Memory: "open", Utilization: "busy"},
			first: page1, second: page2,
			want: func(r *scorer.Report) { r.Utilization = 0.75 },
			drops: []drop{
				{"cpu", Missing, "no series of cpu fits"},
				{"memory", Ambiguous, "several series of open fit, add label matchers"},
			},
		},
		{
			name: "not a number", metrics: Metrics{Utilization: "busy", CPU: "waiting"},
			first: page1, second: "busy NaN\nwaiting +Inf\n",
			want: func(*scorer.Report) {},
			drops: []drop{
				{signal: "utilization", reason: NotANumber},
				{signal: "cpu", reason: NotANumber},
			},
		},
		{
			name: "percent", metrics: Metrics{CPU: "waiting", Utilization: "busy"},
			first: page1, second: page2,
			want:  func(r *scorer.Report) { r.Utilization = 0.75 },
			drops: []drop{{"cpu", Percent, "1 is full; divide percent by 100"}},
		},
		{name: "nothing asked for", first: page1, second: page2, err: "none of the metrics asked for is among the 6 of the page"},
		{name: "not a page", first: page1, second: "<html><body>hello</body></html>", err: "not Prometheus' text format"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			queries, err := tt.metrics.queries()
			if err != nil {
				t.Fatal(err)
			}
			d := &pageDecoder{queries: queries, last: map[string]counters{}}
			begun := time.Unix(1000, 0)
			first := report(func(*scorer.Report) {})
			_, _ = d.decode(&first, http.Header{}, []byte(tt.first), begun)
			got := report(func(*scorer.Report) {})
			drops, err := d.decode(&got, http.Header{}, []byte(tt.second), begun.Add(2*time.Second))
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
			want := report(tt.want)
			want.Interval = got.Interval
			if diff := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("report (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.drops, drops, cmp.AllowUnexported(drop{})); diff != "" {
				t.Errorf("left out (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFirstLookAtCountersIsNoReport(t *testing.T) {
	queries, err := Metrics{Requests: "http_requests_total"}.queries()
	if err != nil {
		t.Fatal(err)
	}
	d := &pageDecoder{queries: queries, last: map[string]counters{}}
	r := report(func(*scorer.Report) {})
	if drops, err := d.decode(&r, http.Header{}, []byte(page1), time.Unix(0, 0)); err != nil || len(drops) > 0 || !empty(r) {
		t.Errorf("decode = %v, %v, report %+v; want an empty report", drops, err, r)
	}
}

func TestProtobufIsRefused(t *testing.T) {
	d := &pageDecoder{}
	h := http.Header{"Content-Type": {"application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"}}
	r := report(func(*scorer.Report) {})
	if _, err := d.decode(&r, h, nil, time.Unix(0, 0)); err == nil || !strings.Contains(err.Error(), "want the text format") {
		t.Errorf("error %v, want one that asks for the text format", err)
	}
}

func FuzzPageDecoder(f *testing.F) {
	f.Add([]byte(page1), []byte(page2))
	f.Add([]byte("requests_total 1\n"), []byte("requests_total NaN\n"))
	f.Add([]byte("# TYPE request_duration_seconds summary\nrequest_duration_seconds_sum 1\n"), []byte("x"))
	f.Fuzz(func(t *testing.T, first, second []byte) {
		queries, err := Metrics{Named: map[string]string{"open": "open"}}.queries()
		if err != nil {
			t.Fatal(err)
		}
		d := &pageDecoder{queries: queries, last: map[string]counters{}}
		for i, body := range [][]byte{first, second} {
			r := report(func(*scorer.Report) {})
			if _, err := d.decode(&r, http.Header{}, body, time.Unix(int64(i), 0)); err != nil {
				continue
			}
			check(&r)
			sound(t, r)
		}
	})
}
