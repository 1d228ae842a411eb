package agent

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/keypair/keypairtest"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/report"
	"github.com/trimtab-lb/trimtab/scorer/report/usage"
)

type still struct{}

func (still) Read(time.Time) (usage.Usage, error) { return usage.Usage{CPU: 0.5, Memory: 0.25}, nil }

// What the application says goes before what is measured, and is not believed
// for long.
func TestLoadIsMadeOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reporter, err := report.New(report.Options{Meter: still{}})
		if err != nil {
			t.Fatal(err)
		}
		defer reporter.Close()
		a := &Agent{config: Config{ScrapePeriod: time.Second}, reporter: reporter}
		<-time.After(time.Second)
		want := report.Unknown()
		want.CPU, want.Memory, want.Named = 0.5, 0.25, map[string]float64{}
		check := func(what string) {
			t.Helper()
			if diff := cmp.Diff(want, a.Load(), cmpopts.EquateNaNs(), cmpopts.EquateApprox(0, 1e-9), cmpopts.IgnoreFields(report.Load{}, "At")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		check("measured")
		a.sockets.Store(&sockets{Established: 7, Listening: 2, Waiting: 1})
		want.Named["connections"], want.Named["accept_queue"], want.Named["listening"] = 7, 1, 1
		check("with connections")

		scraped := scorer.NewReport("application", "", time.Now())
		scraped.CPU, scraped.Utilization, scraped.RPS, scraped.InFlight, scraped.Latency = 0.8, 0.9, 12, 3, 0.25
		scraped.Named = map[string]float64{"queue": 4}
		a.scraped.Store(&scraped)
		measured := want
		want.CPU, want.Utilization, want.RPS = 0.8, 0.9, 12
		want.Named = map[string]float64{"accept_queue": 1, "listening": 1, "in_flight": 3, "latency_seconds": 0.25, "queue": 4}
		check("scraped") // what is open is not counted twice
		scraped.Named["connections"], want.Named["connections"] = 5, 5
		check("scraped, with its own connections")
		<-time.After(10*time.Second + time.Millisecond)
		want = measured
		check("scraped long ago")
	})
}

func TestNewFailsAtOnce(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	none := filepath.Join(t.TempDir(), "none")
	missing, err := usage.Cgroup(none)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		config Config
		says   string
	}{
		{"nothing to serve", Config{}, "nothing to serve"},
		{"no cgroup", Config{ListenHTTP: "127.0.0.1:0", Meter: missing}, "cgroup " + none},
		{"no process", Config{ListenHTTP: "127.0.0.1:0", Port: 80, PID: math.MaxInt32}, "connections of port 80"},
		{"no token", Config{ListenHTTP: "127.0.0.1:0", TokenFile: none}, none},
		{"taken", Config{ListenHTTP: "127.0.0.1:0", ListenORCA: taken.Addr().String()}, "orca: "},
		{"no certificate", Config{ListenHTTP: "127.0.0.1:0", TLSCert: none, TLSKey: none}, none},
		{"no URL", Config{ListenHTTP: "127.0.0.1:0", Scrape: "metrics"}, "not an http or https URL"},
	} {
		test.config.Logger = slog.New(slog.DiscardHandler)
		if test.config.Meter == nil {
			test.config.Meter = usage.Own()
		}
		if _, err := New(t.Context(), test.config); err == nil || !strings.Contains(err.Error(), test.says) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}

// What is served over HTTP, where tokens are shown, can be by TLS.
func TestTLS(t *testing.T) {
	cert, key, trusted := keypairtest.Write(t, t.TempDir(), "web1.example")
	a, err := New(t.Context(), Config{
		ListenHTTP: "127.0.0.1:0", TLSCert: cert, TLSKey: key, Meter: usage.Own(), Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	for url, want := range map[string]int{"https://": http.StatusOK, "http://": http.StatusBadRequest} {
		response, err := client.Get(url + a.http.Addr().String() + "/load")
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("%s: status %d, want %d", url, response.StatusCode, want)
		}
	}
	client.CloseIdleConnections()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestRunEndsCleanly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("s3cret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a, err := New(t.Context(), Config{
		ListenHTTP: "127.0.0.1:0", ListenORCA: "127.0.0.1:0", ListenAgentCheck: "127.0.0.1:0", TokenFile: path,
		Meter: usage.Own(), Port: 1, Scrape: "http://127.0.0.1:1/metrics", Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	response, err := http.Get("http://" + a.http.Addr().String() + "/load")
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("status %d", response.StatusCode)
	}
	// Without --shed-url nobody could be asked.
	if response, err := http.Post("http://"+a.http.Addr().String()+"/shed", "", nil); err != nil || response.StatusCode != http.StatusNotFound {
		t.Errorf("POST /shed: %v, %v", response, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	http.DefaultClient.CloseIdleConnections()
}
