package web

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

func registry(t *testing.T, o Options) *prometheus.Registry {
	t.Helper()
	r := prometheus.NewPedanticRegistry()
	if err := r.Register(newCollector(o)); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestMetricsAreLintClean(t *testing.T) {
	problems, err := testutil.GatherAndLint(registry(t, options(good())))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestMetricsDoc compares the documentation with what a scrape that has
// everything shows.
func TestMetricsDoc(t *testing.T) {
	full := good()
	full.Plan.Decisions[0].EPS = 1
	full.Plan.Decisions[0].Drain = &scorer.DrainProgress{First: 10, Left: 3}
	full.Plan.Shedding = scorer.Shedding{State: scorer.ShedActive}
	full.Shed = map[string]tuner.ShedStatus{full.Plan.Decisions[0].Backend: {Closed: 7}}
	gathered, err := registry(t, options(full)).Gather()
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]string{}
	for _, f := range gathered {
		shown[f.GetName()] = strings.ToLower(f.GetType().String())
	}
	for _, m := range MetricsDoc() {
		name, _, _ := strings.Cut(m.Name, "{")
		if shown[name] != m.Type {
			t.Errorf("%s is documented as %s and shown as %q", m.Name, m.Type, shown[name])
		}
		if m.Help == "" {
			t.Errorf("%s has no description", m.Name)
		}
		delete(shown, name)
	}
	for name := range shown {
		t.Errorf("%s is not documented", name)
	}
}

func TestMetricValues(t *testing.T) {
	o := options(good())
	want := `
# HELP trimtab_backend_score How busy the backend is for its capacity; 1 is a fair share, higher is busier.
# TYPE trimtab_backend_score gauge
trimtab_backend_score{backend="ws1",pool="ws"} 1.1
# HELP trimtab_backend_state 1 for the state that the backend is in, 0 for the others.
# TYPE trimtab_backend_state gauge
trimtab_backend_state{backend="ws1",pool="ws",state="down"} 0
trimtab_backend_state{backend="ws1",pool="ws",state="draining"} 0
trimtab_backend_state{backend="ws1",pool="ws",state="ejected"} 0
trimtab_backend_state{backend="ws1",pool="ws",state="ready"} 1
trimtab_backend_state{backend="ws1",pool="ws",state="unknown"} 0
trimtab_backend_state{backend="ws2?",pool="ws",state="down"} 0
trimtab_backend_state{backend="ws2?",pool="ws",state="draining"} 0
trimtab_backend_state{backend="ws2?",pool="ws",state="ejected"} 0
trimtab_backend_state{backend="ws2?",pool="ws",state="ready"} 0
trimtab_backend_state{backend="ws2?",pool="ws",state="unknown"} 1
# HELP trimtab_source_up 1 while the backend's newest poll brought a load report.
# TYPE trimtab_source_up gauge
trimtab_source_up{backend="ws1",pool="ws",source="http:{address}/load"} 1
# HELP trimtab_xds_connected_nodes Clients of the xDS server that are connected.
# TYPE trimtab_xds_connected_nodes gauge
trimtab_xds_connected_nodes{view="envoy"} 2
trimtab_xds_connected_nodes{view="grpc"} 0
# HELP trimtab_xds_responses_total Responses that clients have answered: ack for those taken, nack for those refused.
# TYPE trimtab_xds_responses_total counter
trimtab_xds_responses_total{result="ack",type="eds"} 8
trimtab_xds_responses_total{result="nack",type="eds"} 1
# HELP trimtab_xds_streams Discovery streams that are open.
# TYPE trimtab_xds_streams gauge
trimtab_xds_streams 2
# HELP trimtab_target_apply_failures_total Plans that could not be carried out.
# TYPE trimtab_target_apply_failures_total counter
trimtab_target_apply_failures_total{pool="ws",target="haproxy:/s"} 1
`
	if err := testutil.GatherAndCompare(registry(t, o), strings.NewReader(want),
		"trimtab_backend_score", "trimtab_backend_state", "trimtab_source_up", "trimtab_target_apply_failures_total",
		"trimtab_xds_connected_nodes", "trimtab_xds_responses_total", "trimtab_xds_streams"); err != nil {
		t.Error(err)
	}
}

// TestOneNameTwice: two targets of one name must not hide the whole scrape.
func TestOneNameTwice(t *testing.T) {
	s := with(func(s *tuner.Snapshot) {
		s.Targets = append(s.Targets, slices.Clone(s.Targets)...)
		s.Plan.Decisions = append(s.Plan.Decisions, s.Plan.Decisions...)
	})
	if _, err := registry(t, options(s, s, nil)).Gather(); err != nil {
		t.Error(err)
	}
}

func TestRegistryThatHasThemAlready(t *testing.T) {
	o := options(good())
	o.Registry = prometheus.NewRegistry()
	handler(t, o)
	if _, err := New(o); err == nil || !strings.Contains(err.Error(), "register metrics") {
		t.Errorf("error %v, want one about registering", err)
	}
}

func TestReadBeforeAnyPoolHasStarted(t *testing.T) {
	o := Options{Snapshots: func() []*tuner.Snapshot { return []*tuner.Snapshot{nil, {}} }}
	h := handler(t, o)
	for path, code := range map[string]int{"/metrics": 200, "/api/v1/status": 200, "/readyz": 503, "/": 200} {
		if w := ask(h, "GET", path); w.Code != code {
			t.Errorf("%s: %d %s, want %d", path, w.Code, w.Body, code)
		}
	}
}
