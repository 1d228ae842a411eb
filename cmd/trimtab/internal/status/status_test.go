package status

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

var update = flag.Bool("update", false, "rewrite the expected results")

const socket = "haproxy:/run/haproxy/admin.sock"

func snapshots() []*tuner.Snapshot {
	nan := math.NaN()
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return []*tuner.Snapshot{
		{
			Plan: scorer.Plan{
				Pool: "ws", Seq: 123, At: at, Mode: scorer.DryRun, Law: "capacity", LawWhy: "leastconn, and work completes",
				Advice:    "less than one request in flight per server: set balance random(2)",
				Imbalance: 1.0345,
				Decisions: []scorer.Decision{
					{
						Backend: "ws1", Weight: 1.2, State: scorer.StateReady, Score: 1.07, InFlight: 81, RPS: 12.125,
						EPS: 0, Latency: 0.1234, Utilization: 0.61, ReportAge: 400 * time.Millisecond,
						Why: "stronger than the mean: 81 in flight at 12.1 completions per second",
					},
					{
						Backend: "ws2", Weight: 0.8, State: scorer.StateUnknown, Score: nan, InFlight: nan, RPS: nan,
						EPS: nan, Latency: nan, Utilization: nan, ReportAge: -1, Why: "no report so far: configured weight",
					},
					{
						Backend: "ws3-日本", State: scorer.StateEjected, Score: math.Inf(1), InFlight: 0, RPS: 1234.5,
						EPS: 1200, Latency: 0.0012, Utilization: nan, ReportAge: time.Second, Why: "97 % of its work fails\x1b[31m",
					},
				},
			},
			Moves: 7, Ejections: 1, Reports: 4242,
			Targets: []tuner.TargetStatus{
				{
					Name: socket, InSync: true, LastApply: 1800 * time.Microsecond, Applies: 123,
					InForce: scorer.InForce{Algorithm: scorer.LeastConnections, Shares: []scorer.Share{
						{Backend: "ws1", Weight: 2, Applied: 120},
						{Backend: "ws2", Weight: 2, Applied: 120, Note: "within 5 % of the mean, made equal"},
						{Backend: "ws3-日本", Weight: 0, Applied: 0},
						{Backend: "gone", Weight: 9, Applied: 9},
					}, Warnings: []string{"an agent-check may overwrite\x1b[31m weights: ws1"}},
				},
				{
					Name: "haproxy:10.0.0.9:9999", LastError: "haproxy 10.0.0.9:9999: show stat: i/o timeout\nafter 2s",
					LastApply: 2 * time.Second, Applies: 100, Failures: 3,
				},
			},
			Sources: []tuner.SourceStatus{
				{Name: "http:{address}/load"},
				{Name: socket, LastError: "connection refused", Restarts: 2},
			},
		},
		nil,
		{Plan: scorer.Plan{Pool: "api", Mode: scorer.Active}},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestJSON(t *testing.T) {
	d := FromSnapshots("1.2.3", snapshots())
	got, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "status.json", append(got, '\n'))
	var again Document
	if err := json.Unmarshal(got, &again); err != nil {
		t.Fatal(err)
	}
	equal := cmp.Comparer(func(a, b Number) bool { return a == b || (!a.Known() && !b.Known()) })
	if diff := cmp.Diff(d, again, equal); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestContract fails when a field that scripts depend on is renamed.
func TestContract(t *testing.T) {
	data, err := json.Marshal(FromSnapshots("1.2.3", snapshots()))
	if err != nil {
		t.Fatal(err)
	}
	var d map[string]any
	if err := json.Unmarshal(data, &d); err != nil {
		t.Fatal(err)
	}
	pool := d["pools"].([]any)[1].(map[string]any)
	for what, object := range map[string]struct {
		value  any
		fields string
	}{
		"document": {d, "version pools"},
		"pool":     {pool, "name mode law tick imbalance backends targets"},
		"backend":  {pool["backends"].([]any)[0], "name state weight score utilization in_flight rps report_age_seconds applied why"},
		"unknown":  {pool["backends"].([]any)[1], "name state weight score utilization in_flight rps report_age_seconds applied why"},
		"target":   {pool["targets"].([]any)[0], "name in_sync last_error last_apply_ms"},
	} {
		for _, field := range strings.Fields(object.fields) {
			if _, ok := object.value.(map[string]any)[field]; !ok {
				t.Errorf("%s has no %q", what, field)
			}
		}
	}
}

func TestWriteIsTheDocument(t *testing.T) {
	config := &Config{Hash: "abc", LastReloadOK: true}
	for name, snaps := range map[string][]*tuner.Snapshot{
		"none": nil, "one": snapshots()[:1], "all": snapshots(), "a pool that has published nothing": {nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := FromSnapshots("1.2.3", snaps)
			d.Config, d.XDS = config, clients()
			want, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			d.Pools = nil // Write has them from the snapshots
			if err := Write(&got, d, snaps); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want)+"\n", got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if err := Write(failingWriter{}, Document{Version: "1.2.3"}, snapshots()); err == nil {
		t.Error("a writer that fails is not noticed")
	}
}

func TestNoPools(t *testing.T) {
	d := FromSnapshots("dev", nil)
	got, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"version":"dev","pools":[]}`; string(got) != want {
		t.Errorf("JSON %s, want %s", got, want)
	}
	var b bytes.Buffer
	if err := d.WriteTable(&b, TableOptions{}); err != nil || b.String() != "no pools\n" {
		t.Errorf("table %q, error %v", b.String(), err)
	}
}

func TestTable(t *testing.T) {
	d := FromSnapshots("1.2.3", snapshots())
	for name, width := range map[string]int{"table-wide.txt": 0, "table-130.txt": 130, "table-80.txt": 80} {
		t.Run(name, func(t *testing.T) {
			var b bytes.Buffer
			if err := d.WriteTable(&b, TableOptions{Width: width}); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(b.String(), "\x1b") {
				t.Error("another program's escape sequence reaches the terminal")
			}
			golden(t, name, b.Bytes())
		})
	}
}

func TestTableSaysThatAReloadFailed(t *testing.T) {
	d := Document{Config: &Config{Hash: "abc", LastError: "f:1:1: pols: unknown key\nf:2:1: too"}}
	var b bytes.Buffer
	if err := d.WriteTable(&b, TableOptions{}); err != nil {
		t.Fatal(err)
	}
	want := "the last reload of the configuration FAILED, abc stays in force:\n" +
		"    f:1:1: pols: unknown key\n    f:2:1: too\n\nno pools\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestTableReportsTheWriter(t *testing.T) {
	err := FromSnapshots("", snapshots()).WriteTable(failingWriter{}, TableOptions{})
	if err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("error %v, want disk full", err)
	}
}

func TestFormat(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{amount(0), "0"},
		{amount(12.34), "12.3"},
		{amount(1234.5), "1234"},
		{amount(Number(math.NaN())), "-"},
		{seconds(0.0012), "1.2ms"},
		{seconds(0.0096), "10ms"},
		{seconds(0.9996), "1.0s"},
		{seconds(Number(math.NaN())), "-"},
		{decimal(1.005, 2), "1.00"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

func TestGet(t *testing.T) {
	want := FromSnapshots("1.2.3", snapshots())
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v1/status" {
			http.NotFound(w, r)
			return
		}
		if err := json.NewEncoder(w).Encode(want); err != nil {
			t.Error(err)
		}
	}))
	defer s.Close()
	for _, addr := range []string{s.Listener.Addr().String(), s.URL, s.URL + "/"} {
		got, err := Get(t.Context(), client.Client{Addr: addr})
		if err != nil {
			t.Fatal(err)
		}
		if got.Version != "1.2.3" || len(got.Pools) != 2 || got.Pools[1].Backends[0].Weight != 1.2 {
			t.Errorf("Get(%s) = %+v", addr, got)
		}
	}
}

func TestGetErrors(t *testing.T) {
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.Listener.Addr().String()
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free.Close()
	for _, tt := range []struct{ name, addr, want string }{
		{"nobody there", free.Addr().String(), "connection refused: is it running there? see --addr"},
		{"an error", serve(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not\nnow", http.StatusServiceUnavailable) }), "503 Service Unavailable: not now"},
		{"another server", serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>")) }), "not trimtab"},
		{"no address", "::::", "trimtab at ::::"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Get(t.Context(), client.Client{Addr: tt.addr})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("hangs", func(t *testing.T) {
		addr := serve(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if _, err := Get(ctx, client.Client{Addr: addr}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v, want deadline exceeded", err)
		}
	})
}
