package backend

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func started(t *testing.T, cfg Config) *Backend {
	t.Helper()
	b, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// client has connections of its own, so that none outlives its test.
func client(t *testing.T) *http.Client {
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: 20 * time.Second}
}

type reply struct {
	status int
	name   string
	body   string
}

func send(ctx context.Context, c *http.Client, method, url, demand, body string) (reply, error) {
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return reply{}, err
	}
	if demand != "" {
		req.Header.Set(DemandHeader, demand)
	}
	resp, err := c.Do(req)
	if err != nil {
		return reply{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, resp.Header.Get(NameHeader), string(text)}, err
}

func get(t *testing.T, c *http.Client, b *Backend, path, demand string) reply {
	t.Helper()
	r, err := send(t.Context(), c, "GET", "http://"+b.Addr()+path, demand, "")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// eventually waits for something that another goroutine brings about.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("never: %s", what)
		}
	}
}

func TestServesADemandInItsTime(t *testing.T) {
	b := started(t, Config{Name: "s1", Cores: 1})
	c := client(t)
	begun := time.Now()
	got := get(t, c, b, "/any/path", "0.050")
	if took := time.Since(begun); took < 50*time.Millisecond {
		t.Errorf("50 ms of work took %v", took)
	}
	if diff := cmp.Diff(reply{200, "s1", "ok\n"}, got, cmp.AllowUnexported(reply{})); diff != "" {
		t.Error(diff)
	}
	if got := get(t, c, b, "/", ""); got.status != 200 {
		t.Errorf("no demand: status %d", got.status)
	}
	late := b.TakeCompletionLate()
	if late.TotalCount() != 1 || b.TakeCompletionLate().TotalCount() != 0 {
		t.Errorf("%d latenesses, want 1 and then none", late.TotalCount())
	}
	t.Logf("reply %d us after its exact end", late.Max())
}

func TestRequestsShareTheCores(t *testing.T) {
	b := started(t, Config{Cores: 2, Speed: 2})
	c := client(t)
	const n = 8
	begun := time.Now()
	took := make(chan time.Duration, n)
	for range n {
		go func() {
			_, _ = send(t.Context(), c, "GET", "http://"+b.Addr(), "0.05", "")
			took <- time.Since(begun)
		}()
	}
	last := time.Duration(0)
	for range n {
		last = max(last, <-took)
	}
	// 8 x 50 ms of work on 2 cores of speed 2.
	if last < 100*time.Millisecond || last > 15*time.Second {
		t.Errorf("all of them took %v, want 100 ms and a little", last)
	}
	if busy := b.Totals().BusySeconds; math.Abs(busy-0.2) > 1e-6 {
		t.Errorf("busy for %v core-seconds, want 0.2", busy)
	}
}

func TestWorkOfAClientThatLeftIsDropped(t *testing.T) {
	b := started(t, Config{Cores: 1})
	ctx, cancel := context.WithCancel(t.Context())
	left := make(chan error, 1)
	go func() {
		_, err := send(ctx, client(t), "GET", "http://"+b.Addr(), "3600", "")
		left <- err
	}()
	eventually(t, "request in progress", func() bool { return b.Totals().OpenRequests == 1 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	eventually(t, "request dropped", func() bool { return b.Totals().OpenRequests == 0 })
	if served := b.Totals().Served; served != 0 {
		t.Errorf("%d served", served)
	}
}

func TestRefusesBadDemandsAndConfigurations(t *testing.T) {
	b := started(t, Config{Cores: 1})
	c := client(t)
	for _, demand := range []string{"x", "-1", "NaN", "Inf", "0.1s"} {
		if got := get(t, c, b, "/", demand); got.status != 400 || !strings.Contains(got.body, demand) {
			t.Errorf("demand %q: %+v", demand, got)
		}
	}
	for _, cfg := range []Config{
		{},
		{Cores: -1},
		{Cores: math.Inf(1)},
		{Cores: 1, Speed: -1},
		{Cores: 1, SocketLife: -1},
		{Cores: 1, Listen: "nonsense"},
		{Cores: 1, Listen: "127.0.0.1:65536"},
	} {
		if b, err := Start(t.Context(), cfg); err == nil {
			t.Errorf("%+v was started", cfg)
			_ = b.Close()
		}
	}
}

func TestReportsTellTheTruth(t *testing.T) {
	const window = 100 * time.Millisecond
	b := started(t, Config{Cores: 4, ReportWindow: window})
	c := client(t)
	ctx, cancel := context.WithCancel(t.Context())
	gone := make(chan struct{}, 3)
	for range 3 {
		go func() {
			_, _ = send(ctx, c, "GET", "http://"+b.Addr(), "3600", "")
			gone <- struct{}{}
		}()
	}
	eventually(t, "3 of 4 cores busy", func() bool { return math.Abs(b.Report().CPUUtilization-0.75) < 1e-9 })

	var got Report
	if err := json.Unmarshal([]byte(get(t, c, b, "/load", "").body), &got); err != nil {
		t.Fatal(err)
	}
	want := Report{
		CPUUtilization: 0.75, ApplicationUtilization: 0.75, MemUtilization: 3. / 4000,
		Named: map[string]float64{"in_flight": 3, "sockets": 0},
	}
	roughly := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-6 })
	if diff := cmp.Diff(want, got, roughly); diff != "" {
		t.Error(diff)
	}
	text := get(t, c, b, "/metrics", "").body
	for _, line := range []string{"backend_cores 4\n", "backend_utilization_ratio 0.7", "backend_requests_in_flight 3\n", `backend_requests_total{code="500"} 0`} {
		if !strings.Contains(text, line) {
			t.Errorf("no %q in:\n%s", line, text)
		}
	}
	cancel()
	for range 3 {
		<-gone
	}
	eventually(t, "idle again", func() bool { return b.Report().CPUUtilization < 1e-9 })

	if problems, err := testutil.GatherAndLint(b.registry); err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v, %v", problems, err)
	}
}

func TestEchoesWithDemand(t *testing.T) {
	b := started(t, Config{Cores: 1})
	c, _, err := websocket.Dial(t.Context(), "ws://"+b.Addr()+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.CloseNow() }()
	for _, message := range []string{`{"demand":0.03,"text":"hello"}`, "no JSON"} {
		begun := time.Now()
		if err := c.Write(t.Context(), websocket.MessageText, []byte(message)); err != nil {
			t.Fatal(err)
		}
		_, got, err := c.Read(t.Context())
		if err != nil || string(got) != message {
			t.Fatalf("echo of %q: %q, %v", message, got, err)
		}
		if took := time.Since(begun); message[0] == '{' && took < 30*time.Millisecond {
			t.Errorf("30 ms of work took %v", took)
		}
	}
	if got := b.Totals(); got.OpenSockets != 1 || got.Sockets != 1 {
		t.Errorf("totals %+v, want one socket", got)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	eventually(t, "socket gone", func() bool { return b.Totals().OpenSockets == 0 })
}

func TestClosesSocketsAfterTheirLife(t *testing.T) {
	b := started(t, Config{Cores: 1, SocketLife: 20 * time.Millisecond})
	for range 5 {
		c, _, err := websocket.Dial(t.Context(), "ws://"+b.Addr()+"/ws", nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("got %v, want a close with status going away", err)
		}
		_ = c.CloseNow()
	}
	eventually(t, "all gone", func() bool { return b.Totals().OpenSockets == 0 })
}

func TestCloseEndsWhatIsOpen(t *testing.T) {
	b := started(t, Config{Cores: 1})
	if err := b.SetFaults(t.Context(), Faults{Hang: true}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() {
		_, err := send(t.Context(), client(t), "GET", "http://"+b.Addr(), "1", "")
		ended <- err
	}()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err == nil {
		t.Error("a hung request was answered")
	}
	if err := b.SetFaults(t.Context(), Faults{}); err == nil {
		t.Error("a closed backend took faults")
	}
}

func FuzzParseSeconds(f *testing.F) {
	for _, seed := range []string{"", "0.02", "1e3", "-0", "NaN", "0x1p-2", "1e999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseSeconds(DemandHeader, text); err == nil && (!(d >= 0) || math.IsInf(d, 0)) {
			t.Errorf("%q is taken for %v seconds", text, d)
		}
	})
}
