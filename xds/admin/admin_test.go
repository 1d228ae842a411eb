package admin

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/xds/instance"
	"github.com/trimtab-lb/trimtab/xds/resource"
)

var record = flag.Bool("record", false, "record what a real Envoy says in testdata/envoy anew")

const recordings = "../../testdata/envoy"

func recorded(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(recordings, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// everyPolicy has a cluster for each policy and each way to write it.
func everyPolicy(t testing.TB) string { return string(recorded(t, "bootstrap.yaml")) }

func envoy(t *testing.T) *instance.Instance {
	t.Helper()
	if _, err := instance.Find(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	in, err := instance.Start(t.Context(), instance.Options{Config: everyPolicy(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
	})
	return in
}

// TestRealEnvoy reads everything from a running Envoy as from the recordings.
func TestRealEnvoy(t *testing.T) {
	in := envoy(t)
	c, err := New("unix:" + in.Admin())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	version, err := c.Version(t.Context())
	if err != nil || version.before(1, 30) {
		t.Errorf("version %v, error %v", version, err)
	}
	if _, err := c.Stats(t.Context()); err != nil {
		t.Error(err)
	}
	if *record {
		for path, name := range map[string]string{
			"/clusters?format=json": "clusters.json", "/config_dump": "config_dump.json", "/server_info": "server_info.json",
			"/stats?format=json&filter=overflow|upgrades": "stats.json",
		} {
			body, err := in.Get(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(recordings, name), short(t, body), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	config, err := c.Config(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantConfig(), config, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	clusters, err := c.Clusters(t.Context())
	if err != nil || len(clusters) != len(config.Clusters) {
		t.Errorf("%d clusters, want %d; error %v", len(clusters), len(config.Clusters), err)
	}
}

// short leaves out the list of all extensions, which is most of what Envoy says.
func short(t *testing.T, body []byte) []byte {
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		t.Fatal(err)
	}
	var prune func(any)
	prune = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "extensions")
			delete(v, "command_line_options")
			for _, inner := range v {
				prune(inner)
			}
		case []any:
			for _, inner := range v {
				prune(inner)
			}
		}
	}
	prune(tree)
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(tree); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func wantConfig() Config {
	balancing := func(p resource.Policy) resource.Balancing {
		return resource.Balancing{Policy: p, ActiveRequestBias: math.NaN()}
	}
	biased := func(bias float64) resource.Balancing {
		return resource.Balancing{Policy: resource.LeastRequest, ActiveRequestBias: bias}
	}
	return Config{
		Node: resource.Node{ID: "edge-1", Cluster: "edge"},
		Clusters: []ClusterConfig{
			{Name: "cswrr", Discovery: "STATIC", Balancing: balancing(resource.ClientSideWeightedRoundRobin), MergeWindow: time.Second},
			{Name: "dns", Discovery: "STRICT_DNS", Balancing: balancing(resource.Random), MergeWindow: time.Second},
			{Name: "locality", Discovery: "STATIC", Balancing: balancing(resource.RoundRobin), MergeWindow: time.Second, ByLocality: true},
			{Name: "logical", Discovery: "LOGICAL_DNS", Balancing: balancing(resource.RoundRobin), MergeWindow: time.Second},
			{Name: "lone", Discovery: "STATIC", Balancing: balancing(resource.RoundRobin), MergeWindow: time.Second},
			{Name: "maglev", Discovery: "STATIC", Balancing: balancing(resource.Maglev), MergeWindow: time.Second},
			{Name: "subset", Discovery: "STATIC", Other: "envoy.load_balancing_policies.subset", MergeWindow: time.Second},
			{Name: "typed", Discovery: "STATIC", Balancing: biased(0), MergeWindow: time.Second, SlowStart: 5 * time.Second},
			{Name: "wrr", Discovery: "STATIC", Balancing: balancing(resource.ClientSideWeightedRoundRobin), MergeWindow: time.Second, ByLocality: true},
			{Name: "ws", Discovery: "STATIC", Balancing: biased(0.5), SlowStart: 10 * time.Second, HealthChecked: true},
		},
	}
}

func TestDecodeRecordings(t *testing.T) {
	config, err := decodeConfig(recorded(t, "config_dump.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(wantConfig(), config, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	version, err := decodeVersion(recorded(t, "server_info.json"))
	if err != nil || version != (Version{1, 40, 0}) {
		t.Errorf("version %v, error %v", version, err)
	}
	clusters, err := decodeClusters(recorded(t, "clusters.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clusters {
		if c.Name != "ws" {
			continue
		}
		want := Cluster{
			Name: "ws", StatName: "ws", MaxConnections: 1024, MaxPending: 1024, MaxRequests: 1024,
			Hosts: []Host{{Address: "127.0.0.1:1", Weight: 3, Condition: scorer.Down}, {Address: "127.0.0.1:2", Weight: 1, Condition: scorer.Draining}},
		}
		if diff := cmp.Diff(want, c); diff != "" {
			t.Errorf("cluster (-want +got):\n%s", diff)
		}
	}
	stats, err := decodeStats(recorded(t, "stats.json"))
	if err != nil || len(stats.Overflows) != len(clusters) {
		t.Errorf("stats %+v, error %v", stats, err)
	}
}

func TestDecodeGarbage(t *testing.T) {
	for _, text := range []string{"", "<html>", "[]", `"x"`, "{", `{"version":"1.2"}`, `{"version":"x/y.z/Clean"}`} {
		if _, err := decodeVersion([]byte(text)); err == nil {
			t.Errorf("version of %q: no error", text)
		}
	}
	for _, text := range []string{"", "<html>", "{}", `{"configs":3}`, `{"configs":[{"static_clusters":[{"cluster":{"common_lb_config":{"update_merge_window":"soon"}}}]}]}`} {
		if _, err := decodeConfig([]byte(text)); err == nil {
			t.Errorf("configuration of %q: no error", text)
		}
	}
	for _, text := range []string{"", "<html>", `{"cluster_statuses":3}`} {
		if _, err := decodeClusters([]byte(text)); err == nil {
			t.Errorf("clusters of %q: no error", text)
		}
	}
	if _, err := decodeStats([]byte("nothing")); err == nil {
		t.Error("stats of text: no error")
	}
}

func TestStatsAreAddedUp(t *testing.T) {
	got, err := decodeStats([]byte(`{"stats":[{"name":"cluster.a.b.upstream_cx_overflow","value":3},{"name":"cluster.a.b.upstream_rq_pending_overflow","value":4},
		{"name":"http.x.downstream_cx_upgrades_total","value":5},{"name":"http.admin.downstream_cx_upgrades_total","value":1},{"histograms":{}},{"name":"cluster.c.upstream_cx_overflow","value":-1}]}`))
	if diff := cmp.Diff(Stats{Upgrades: 6, Overflows: map[string]uint64{"a.b": 7}}, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestOneAddressInTwoLocalities(t *testing.T) {
	one := `{"address":{"socket_address":{"address":"10.0.0.1","port_value":80}},"stats":[{"name":"rq_total","value":"3"},{"name":"rq_active","value":"2","type":"GAUGE"}],"weight":7}`
	got, err := decodeClusters([]byte(`{"new_field":1,"cluster_statuses":[{"name":"c","host_statuses":[` + one + `,` + one + `]}]}`))
	want := []Cluster{{Name: "c", StatName: "c", Hosts: []Host{{Address: "10.0.0.1:80", Weight: 7, Active: 4, Begun: 6}}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v (-want +got):\n%s", err, diff)
	}
}

func TestClientErrors(t *testing.T) {
	for _, address := range []string{"", "unix:", "host", ":1", "host:"} {
		if _, err := New(address); err == nil {
			t.Errorf("address %q: no error", address)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/server_info" {
			http.Error(w, strings.Repeat("no ", 500), http.StatusForbidden)
			return
		}
		_, _ = w.Write([]byte("<html>"))
	}))
	t.Cleanup(s.Close)
	c, err := New(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	if _, err := c.Version(t.Context()); err == nil || !strings.Contains(err.Error(), "GET /server_info: 403 Forbidden: no no") || len(err.Error()) > 400 {
		t.Errorf("error %v", err)
	}
	if _, err := c.Clusters(t.Context()); err == nil || !strings.Contains(err.Error(), "no answer of Envoy's") {
		t.Errorf("error %v", err)
	}
}

func TestCounter(t *testing.T) {
	at := time.Unix(1000, 0)
	var c Counter
	look := func(after time.Duration, h Host) string {
		h.Address = "10.0.0.1:80"
		r := c.Reports("envoy:x", at.Add(after), []Host{h})[0]
		return fmt.Sprint(r.InFlight, r.RPS, r.EPS, r.Upgrades, r.Interval)
	}
	for _, step := range []struct {
		name  string
		after time.Duration
		host  Host
		want  string
	}{
		{"the first look", 0, Host{Active: 2, Begun: 10, Succeeded: 8}, "2 NaN NaN NaN 0s"},
		{"work that ends", 2 * time.Second, Host{Active: 3, Begun: 31, Succeeded: 22, Failed: 6}, "3 10 3 NaN 2s"},
		{"counted anew", 3 * time.Second, Host{Active: 1, Begun: 1, Succeeded: 1}, "1 NaN NaN NaN 0s"},
		{"the same moment", 3 * time.Second, Host{Active: 1, Begun: 1, Succeeded: 1}, "1 NaN NaN NaN 0s"},
	} {
		if got := look(step.after, step.host); got != step.want {
			t.Errorf("%s: %s, want %s", step.name, got, step.want)
		}
	}
	c = Counter{}
	look(0, Host{Active: 5, Begun: 5})
	if got, want := look(time.Second, Host{Active: 3, Begun: 7}), "3 4 0 4 1s"; got != want {
		t.Errorf("a TCP proxy: %s, want %s", got, want)
	}
}

func TestWarnings(t *testing.T) {
	good := func() Seen {
		return Seen{
			Version: Version{1, 40, 0}, Kind: scorer.KindConnections,
			Config:  ClusterConfig{Name: "ws", MergeWindow: time.Second},
			Cluster: Cluster{StatName: "ws", MaxConnections: 5000, MaxPending: 5000, MaxRequests: 5000},
			Stats:   Stats{Overflows: map[string]uint64{}},
		}
	}
	for _, test := range []struct {
		name string
		edit func(*Seen)
		says string
	}{
		{"nothing wrong", func(*Seen) {}, ""},
		{"default breakers for connections", func(s *Seen) { s.Cluster.MaxRequests = 1024 }, "let 1024 in at once"},
		{"default breakers for requests", func(s *Seen) { s.Kind, s.Cluster.MaxRequests = scorer.KindRequests, 1024 }, ""},
		{"default breakers and upgrades", func(s *Seen) {
			s.Kind, s.Cluster.MaxPending, s.Stats.Upgrades = scorer.KindRequests, 1024, 1
		}, "let 1024 in at once"},
		{"overflows", func(s *Seen) {
			s.Kind, s.Cluster.MaxPending, s.Stats.Overflows["ws"] = scorer.KindRequests, 1024, 17
		}, "(it has happened 17 times)"},
		{"slow start", func(s *Seen) { s.Config.SlowStart = 5 * time.Second }, "slow_start_config of 5s"},
		{"localities", func(s *Seen) { s.Config.ByLocality = true }, "localities decide"},
		{"merge window", func(s *Seen) { s.Version.Minor = 39 }, "Envoy 1.39.0 waits up to 1s"},
		{"no merge window", func(s *Seen) { s.Version.Minor, s.Config.MergeWindow = 39, 0 }, ""},
		{"no load by endpoint", func(s *Seen) { s.Version.Minor, s.Config.MergeWindow = 35, 0 }, "reports no load by endpoint"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := good()
			test.edit(&s)
			got := Warnings(s)
			if test.says == "" && len(got) > 0 || test.says != "" && (len(got) != 1 || !strings.Contains(got[0], test.says)) {
				t.Errorf("got %q, want %q", got, test.says)
			}
		})
	}
}
