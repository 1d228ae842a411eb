package observation

import (
	"bytes"
	"encoding/json"
	"flag"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

var update = flag.Bool("update", false, "rewrite the expected results")

// document is of a pool of which some is known.
func document() Document {
	var w Watch
	b := decision("s2", math.NaN(), math.NaN())
	b.State = scorer.StateEjected
	for second := range 2 {
		a := decision("s1", 3, 60)
		a.Utilization = 0.5
		w.Take(planAt(second, a, b))
	}
	plan := *planAt(1, decision("s1", 3, 60), b)
	plan.Kind, plan.Law = scorer.KindRequests, scorer.LawCapacity
	nan := math.NaN()
	d := w.Document(Configured{
		Law: scorer.LawAuto, Apply: true,
		Targets: []Target{
			{Plane: PlaneHAProxy, Backend: "web", ConfigFile: "/etc/haproxy/haproxy.cfg", Bias: status.Unknown()},
			{Plane: PlaneEnvoy, Cluster: "web", Bias: 1, Served: true},
		},
	}, &tuner.Snapshot{
		Plan: plan,
		Targets: []tuner.TargetStatus{
			{Name: "haproxy:/s", InForce: scorer.InForce{Algorithm: scorer.LeastConnections, Shares: []scorer.Share{{Backend: "s1", Weight: 2, Applied: 200}}}},
			{Name: "envoy:web", InForce: scorer.InForce{Algorithm: scorer.LeastRequest}},
		},
	}, scorer.Learned{
		Proxies: 2, ByCounts: scorer.Dispersion{Ratio: 1.5, Requests: 700}, ByReports: scorer.Dispersion{Ratio: 60},
		Backends: []scorer.LearnedBackend{
			{Backend: "s1", Configured: 4, Capacity: 5, Deviation: 0.1, Reported: true},
			{Backend: "s2", Configured: 4, Capacity: nan, Deviation: nan},
		},
	})
	d.Program = "1.2.3"
	return d
}

func TestContract(t *testing.T) {
	got, err := json.MarshalIndent(document(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	path := filepath.Join("testdata", "observation.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("-want +got (-update rewrites it):\n%s", diff)
	}
	var again Document
	if err := json.Unmarshal(got, &again); err != nil {
		t.Fatal(err)
	}
	equal := cmp.Comparer(func(a, b status.Number) bool { return a == b || !a.Known() && !b.Known() })
	if diff := cmp.Diff(document(), again, equal); diff != "" {
		t.Errorf("after a round trip:\n%s", diff)
	}
}

func TestBeforeAnythingHappened(t *testing.T) {
	var w Watch
	d := w.Document(Configured{}, &tuner.Snapshot{Plan: scorer.Plan{Pool: "web"}}, scorer.Learned{})
	if d.Pool != "web" || d.At != nil || d.Kind != scorer.KindAuto || d.Targets == nil || d.Backends == nil {
		t.Errorf("%+v", d)
	}
}

func TestGet(t *testing.T) {
	version := Version
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.EscapedPath() != "/api/v1/pools/web%2F1/observation" {
			http.NotFound(w, r)
			return
		}
		d := document()
		d.Version = version
		var out bytes.Buffer
		if err := json.NewEncoder(&out).Encode(d); err != nil {
			t.Error(err)
		}
		_, _ = w.Write(out.Bytes())
	}))
	defer s.Close()
	c := client.Client{Addr: s.URL}
	if d, err := Get(t.Context(), c, "web/1"); err != nil || d.Proxies != 2 {
		t.Errorf("%+v %v", d, err)
	}
	if _, err := Get(t.Context(), c, "other"); err == nil {
		t.Error("another pool was found")
	}
	version++
	if _, err := Get(t.Context(), c, "web/1"); err == nil || !strings.Contains(err.Error(), "version 2") {
		t.Errorf("of a later version: %v", err)
	}
}
