package source

import (
	"context"
	"errors"
	"maps"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/scorer"
)

func pushedReport(backend string, edit func(*scorer.Report)) Pushed {
	r := scorer.NewReport(backend, "", time.Time{})
	if edit != nil {
		edit(&r)
	}
	return Pushed{Report: r}
}

func full(utilization float64) func(*scorer.Report) {
	return func(r *scorer.Report) { r.Utilization = utilization }
}

func TestAPushedReportCountsForItsTTL(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := NewPush(PushOptions{TTL: 5 * time.Second})
		p.SetBackends([]scorer.Backend{{Name: "a"}, {Name: "b"}})
		ctx, cancel := context.WithCancel(t.Context())
		out := make(chan scorer.Report)
		ended := make(chan error, 1)
		go func() { ended <- p.Run(ctx, out) }()

		began := time.Now()
		brief := pushedReport("b", full(0.5))
		brief.TTL = 2 * time.Second
		p.Take(began, []Pushed{pushedReport("a", full(0.3)), brief, pushedReport("gone", full(1))})
		for _, want := range []float64{0.3, 0.5} {
			if r := <-out; r.Utilization != want || r.Origin != "push" || !r.At.Equal(began) {
				t.Errorf("%+v, want utilization %v", r, want)
			}
		}
		taken := func(backend string, after time.Duration) {
			t.Helper()
			r := <-out
			if r.Backend != backend || !math.IsNaN(r.Utilization) || !r.At.Equal(began) || time.Since(began) != after {
				t.Errorf("after %s: %+v, want %s taken back after %s", time.Since(began), r, backend, after)
			}
		}
		taken("b", 2*time.Second)
		// One that comes in time goes on.
		<-time.After(2 * time.Second)
		p.Take(time.Now(), []Pushed{pushedReport("a", full(0.4))})
		if r := <-out; r.Utilization != 0.4 {
			t.Errorf("%+v", r)
		}
		began = time.Now()
		taken("a", 5*time.Second)

		s := p.Status()
		if len(s) != 2 || !s[0].Failing || s[0].Reports != 2 || s[1].Failures != 1 || !strings.Contains(s[1].LastError, "no report since") {
			t.Errorf("status %+v", s)
		}
		p.Take(time.Now(), []Pushed{pushedReport("a", full(0.4))})
		<-out
		if s := p.Status(); s[0].Failing || s[0].LastError != "" || !s[1].Failing {
			t.Errorf("status %+v", s)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// What a pool makes of it: the signal is gone after the TTL, and the age of the
// report grows on.
func TestAPoolForgetsWhatIsTakenBack(t *testing.T) {
	pool, err := scorer.New(scorer.Config{Name: "p"})
	if err != nil {
		t.Fatal(err)
	}
	pool.SetBackends([]scorer.Backend{{Name: "a"}})
	p := NewPush(PushOptions{TTL: 3 * time.Second})
	p.SetBackends([]scorer.Backend{{Name: "a"}})
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	p.Take(start, []Pushed{pushedReport("a", func(r *scorer.Report) { r.Utilization, r.InFlight = 0.4, 7 })})
	for second := range 6 {
		now := start.Add(time.Duration(second) * time.Second)
		reports, _ := p.due(now)
		for _, r := range reports {
			pool.Observe(r)
		}
		d := pool.Step(now).Decisions[0]
		if known := second < 3; known != (d.Utilization == 0.4 && d.InFlight == 7) || d.ReportAge != now.Sub(start) {
			t.Errorf("after %d s: utilization %v, in flight %v, age %s", second, d.Utilization, d.InFlight, d.ReportAge)
		}
	}
}

func TestWhatIsNotTaken(t *testing.T) {
	p := NewPush(PushOptions{})
	good := pushedReport("a", full(0.5))
	if err := p.Check(good); !errors.Is(err, ErrMembersUnknown) {
		t.Errorf("before the members are known: %v", err)
	}
	p.SetBackends([]scorer.Backend{{Name: "a"}, {Name: "b"}})
	if err := p.Check(good); err != nil {
		t.Error(err)
	}
	long := good
	long.TTL = time.Minute
	for _, tt := range []struct {
		r    Pushed
		is   error
		says string
	}{
		{pushedReport("c", full(0.5)), ErrNoBackend, `"c"; the pool has a, b`},
		{pushedReport("a", full(73)), ErrValue, `backend "a": impossible value: utilization is percent`},
		{pushedReport("a", full(-1)), ErrValue, "utilization is negative"},
		{pushedReport("a", func(r *scorer.Report) { r.RPS = math.Inf(1) }), ErrValue, "requests is not a number"},
		{pushedReport("a", func(r *scorer.Report) { r.Named = map[string]float64{"queue": -3} }), ErrValue, "queue is negative"},
		{pushedReport("a", nil), ErrValue, "no signal"},
		{long, ErrValue, "at most 10s"},
	} {
		before := maps.Clone(tt.r.Report.Named)
		if err := p.Check(tt.r); !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("error %v, want one that says %q", err, tt.says)
		}
		if diff := cmp.Diff(before, tt.r.Report.Named); diff != "" {
			t.Errorf("the report was changed:\n%s", diff)
		}
	}
}

func TestDecodePush(t *testing.T) {
	got, err := DecodePush([]byte(` [
		{"pool": "web", "backend": "s1", "utilization": 0.4, "cpu": 0.3, "memory": 0.2, "in_flight": 12,
		 "rps": 30.5, "eps": 0, "latency_seconds": 0.02, "named_metrics": {"queue": 7}, "ttl_seconds": 2.5},
		{"pool": "ws", "backend": "s2", "application_utilization": 0.5, "cpu_utilization": 0.1,
		 "mem_utilization": 0.6, "rps_fractional": 1, "eps": null, "in_flight": null}]`), 10)
	if err != nil {
		t.Fatal(err)
	}
	first, second := scorer.NewReport("s1", PushOrigin, time.Time{}), scorer.NewReport("s2", PushOrigin, time.Time{})
	first.Utilization, first.CPU, first.Memory, first.InFlight = 0.4, 0.3, 0.2, 12
	first.RPS, first.EPS, first.Latency, first.Named = 30.5, 0, 0.02, map[string]float64{"queue": 7}
	second.Utilization, second.CPU, second.Memory, second.RPS = 0.5, 0.1, 0.6, 1
	want := []PushRequest{
		{Pool: "web", Pushed: Pushed{Report: first, TTL: 2500 * time.Millisecond}},
		{Pool: "ws", Pushed: Pushed{Report: second}},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDecodePushSaysWhatIsWrong(t *testing.T) {
	for body, says := range map[string]string{
		``:          "is empty",
		`7`:         "7 is not a JSON object",
		`[]`:        "0 reports: want 1 to 3",
		`[1,2,3,4]`: "4 reports: want 1 to 3",
		`[{"pool": "web", "backend": "s1", "cpu": 1}, {"pool": "web"}]`:            "report 1: backend: is required",
		`{"pool": "web", "backend": 7}`:                                            "backend: is required, a text",
		`{"pool": "web", "backend": "s1", "utilisation": 0.4}`:                     `pool "web", backend "s1": unknown field "utilisation"`,
		`{"pool": "web", "backend": "s1", "cpu": "0.4"}`:                           `cpu: "0.4" is not a number`,
		`{"pool": "web", "backend": "s1", "cpu": 1e999}`:                           "cpu: 1e999 is not a number that can be used",
		`{"pool": "web", "backend": "s1", "cpu": 1, "cpu_utilization": 1}`:         "cpu and cpu_utilization are the same signal",
		`{"pool": "web", "backend": "s1", "cpu": 1, "cpu": 2}`:                     `"cpu": is there twice`,
		`{"pool": "web", "backend": "s1", "named_metrics": {"a": 1, "a": 2}}`:      `named_metrics: "a": is there twice`,
		`{"pool": "web", "backend": "s1", "named_metrics": [1]}`:                   "named_metrics: [1] is not a JSON object",
		`{"pool": "web", "backend": "s1", "ttl_seconds": 0}`:                       "ttl_seconds: 0",
		`{"pool": "web", "backend": "s1", "cpu": 1} {}`:                            "something follows",
		`{"pool": "web", "backend": "s1", "cpu": 1`:                                "not JSON",
		`[{"pool": "web", "backend": "s1", "cpu": 1}`:                              "not a list",
		`{"pool": "web", "backend": "s1", "named_metrics": {"queue": "\u001b[1"}}`: "queue",
	} {
		if got, err := DecodePush([]byte(body), 3); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, error %v, want one that says %q", body, got, err, says)
		}
	}
}

func FuzzDecodePush(f *testing.F) {
	for _, seed := range []string{
		`{"pool": "web", "backend": "s1", "utilization": 0.4, "named_metrics": {"queue": 7}, "ttl_seconds": 2.5}`,
		`[{"pool": "web", "backend": "s1", "rps": 1e308}, {}]`, `[`, `{"pool": null}`, `{"a":1,"a":2}`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := DecodePush(body, 100)
		if err != nil {
			if got != nil {
				t.Errorf("%d reports with error %v", len(got), err)
			}
			return
		}
		for _, r := range got {
			if r.Pool == "" || r.Report.Backend == "" || r.TTL < 0 {
				t.Errorf("%+v", r)
			}
		}
	})
}
