package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// push posts load reports.
func (r *running) push(t *testing.T, secret, body string) (code int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+r.addr+"/api/v1/reports", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if secret != "" {
		request.Header.Set("Authorization", "Bearer "+secret)
	}
	return do(t, request)
}

// utilizations are those of the first pool's backends.
func utilizations(d status.Document) string {
	if len(d.Pools) != 1 {
		return ""
	}
	var out []string
	for _, b := range d.Pools[0].Backends {
		if !b.Utilization.Known() {
			out = append(out, "-")
			continue
		}
		out = append(out, fmt.Sprint(float64(b.Utilization)))
	}
	return strings.Join(out, " ")
}

func TestPushedReportsCountForTheirTTL(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	secret := filepath.Join(t.TempDir(), "token")
	write(t, secret, "s3cret\n")
	r := start(t, fmt.Sprintf(`  - name: web
    from: haproxy
    load: [push: {token_file: %q, ttl: 8s}]
    targets: [{haproxy: {socket: %q}}]
`, secret, in.Socket()))
	r.until(t, "knowing its backends", func(d status.Document) bool { return utilizations(d) == "- -" })
	const s1 = `{"pool": "web", "backend": "s1", "utilization": 0.25, "ttl_seconds": 2}`
	const s2 = `{"pool": "web", "backend": "s2", "cpu_utilization": 0.75}`
	for _, tt := range []struct {
		secret, body string
		code         int
		says         string
	}{
		{"", s1, 401, "needs the token"},
		{"guess", s1, 403, "the token is not this pool's"},
		{"s3cret", "[" + s1 + `, {"pool": "web", "backend": "s3", "cpu": 1}]`, 404, `report 1: pool \"web\": not found: no such backend: \"s3\"; the pool has s1, s2`},
		{"s3cret", "[" + s1 + `, {"pool": "ws", "backend": "s1", "cpu": 1}]`, 404, `pool \"ws\"`},
		{"s3cret", "[" + s1 + `, {"pool": "web", "backend": "s2", "cpu": 75}]`, 400, "1 is full; divide percent by 100"},
	} {
		if code, answer := r.push(t, tt.secret, tt.body); code != tt.code || !strings.Contains(answer, tt.says) {
			t.Errorf("%s: status %d, want %d: %s", tt.body, code, tt.code, answer)
		}
	}
	if d := r.until(t, "stepping on", steering); utilizations(d) != "- -" {
		t.Errorf("utilizations %s of reports that were refused", utilizations(d))
	}
	// A report without utilization has its CPU stand for it. As others do it goes on
	// reporting: who looks late finds the first of them forgotten.
	var began time.Time
	r.until(t, "showing what was pushed", func(d status.Document) bool {
		if utilizations(d) == "0.25 0.75" {
			return true
		}
		began = time.Now()
		if code, answer := r.push(t, "s3cret", "["+s1+", "+s2+"]"); code != 200 || answer != "{\"taken\":2}\n" {
			t.Fatalf("status %d: %s", code, answer)
		}
		return false
	})
	shown := time.Since(began)
	r.until(t, "forgetting the first", func(d status.Document) bool { return utilizations(d) == "- 0.75" })
	first := time.Since(began)
	r.until(t, "forgetting the second", func(d status.Document) bool { return utilizations(d) == "- -" })
	t.Logf("shown after %v, gone after %v (TTL 2s) and %v (TTL 8s)", shown, first, time.Since(began))
	if first < 2*time.Second || time.Since(began) < 8*time.Second {
		t.Errorf("gone after %v and %v, before their time", first, time.Since(began))
	}
	if page := get(t, "http://"+r.addr+"/metrics"); !strings.Contains(page, `trimtab_source_up{backend="s1",pool="web",source="push"} 0`) {
		t.Errorf("the metrics do not say that s1 is silent:\n%s", page)
	}
}

// More are wanted than there are: in the status, as a metric, and by webhook, whose
// receiver is away at first.
func TestScaleAdviceIsTold(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	told, tries := make(chan string, 10), 0
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var news struct {
			Pool     string
			Backends int
			Wanted   int
		}
		if err := json.NewDecoder(r.Body).Decode(&news); err != nil {
			t.Error(err)
		}
		if tries++; tries == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		told <- fmt.Sprintf("%s %d of %d", news.Pool, news.Wanted, news.Backends)
	}))
	t.Cleanup(hook.Close)
	r := start(t, fmt.Sprintf(`  - name: web
    from: haproxy
    load: [push: {}]
    targets: [{haproxy: {socket: %q}}]
    scale: {target_utilization: 0.6, max: 4, up_after: 2s, horizon: 0s, webhook: %q}
`, in.Socket(), hook.URL))
	d := r.until(t, "without advice", func(d status.Document) bool {
		return len(d.Pools) == 1 && d.Pools[0].Scale != nil && len(d.Pools[0].Backends) == 2
	})
	if s := d.Pools[0].Scale; s.Wanted.Known() || !strings.Contains(s.Why, "no utilization") {
		t.Errorf("advice %+v before anything is reported", s)
	}
	d = r.until(t, "wanting more", func(d status.Document) bool {
		if code, answer := r.push(t, "", `[{"pool": "web", "backend": "s1", "utilization": 0.9}, {"pool": "web", "backend": "s2", "utilization": 0.9}]`); code != 200 {
			t.Fatalf("status %d: %s", code, answer)
		}
		return d.Pools[0].Scale.Wanted == 3
	})
	if why := d.Pools[0].Scale.Why; why != "90 % full, target 60 %: 1 more" {
		t.Errorf("it says %q", why)
	}
	patience := time.After(20 * time.Second)
	for last := ""; last != "web 3 of 2"; {
		select {
		case last = <-told:
		case <-patience:
			t.Fatalf("the webhook was told %q last\n%s", last, r.log)
		}
	}
	page := get(t, "http://"+r.addr+"/metrics")
	for _, want := range []string{`trimtab_wanted_backends{pool="web"} 3`, `trimtab_pool_backends{pool="web"} 2`, `trimtab_webhook_failures_total{pool="web"} 1`} {
		if !strings.Contains(page, want) {
			t.Errorf("the metrics lack %s", want)
		}
	}
	if _, out, _ := call(t, "status", "--addr", r.addr); !strings.Contains(out, "scale: 3 wanted of 2") {
		t.Errorf("table\n%s", out)
	}
	if _, out, _ := call(t, "events", "--addr", r.addr); !strings.Contains(out, "3 wanted of 2") {
		t.Errorf("events\n%s", out)
	}
}
