package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/source"
)

const oneReport = `{"pool": "web", "backend": "s1", "utilization": 0.4}`

// post pushes a body from an address that arrived at another.
func post(h http.Handler, local, authorization, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, reportsPath, strings.NewReader(body))
	arriving(local, authorization)(r)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestPushAnswers(t *testing.T) {
	o := options(good())
	var fails error
	var by Pusher
	var got []source.PushRequest
	o.Push = func(_ context.Context, who Pusher, reports []source.PushRequest) error {
		by, got = who, reports
		return fails
	}
	open := handler(t, o)
	o.TokenFile = withToken(t, "admin")
	guarded := handler(t, o)
	const loopback, afar = "127.0.0.1", "10.0.0.1"
	for _, tt := range []struct {
		name                       string
		h                          http.Handler
		local, authorization, body string
		fails                      error
		code                       int
		says                       string
		by                         Pusher
	}{
		{"over loopback", open, loopback, "", oneReport, nil, 200, `{"taken":1}`, Pusher{Admin: true}},
		{"with a token over loopback", open, loopback, "Bearer s3cret", oneReport, nil, 200, "", Pusher{"s3cret", true}},
		{"with a token from afar", open, afar, "bearer  s3cret", oneReport, nil, 200, "", Pusher{"s3cret", false}},
		{"without from afar", open, afar, "", oneReport, nil, 401, "needs a token", Pusher{}},
		{"without", guarded, loopback, "", oneReport, nil, 401, "needs a token", Pusher{}},
		{"another scheme", guarded, loopback, "Basic admin", oneReport, nil, 401, "needs a token", Pusher{}},
		{"the admin token", guarded, afar, "Bearer admin", oneReport, nil, 200, "", Pusher{"admin", true}},
		{"a pool's token", guarded, afar, "Bearer s3cret", "[" + oneReport + "," + oneReport + "]", nil, 200, `{"taken":2}`, Pusher{"s3cret", false}},
		{"no JSON", open, loopback, "", "utilization=0.4", nil, 400, "bad request: utilization=0.4 is not a JSON object", Pusher{}},
		{"too large", open, loopback, "", strings.Repeat(" ", maxPush+1), nil, 413, "larger than 1024 KiB", Pusher{}},
		{"refused", guarded, afar, "Bearer s3cret", oneReport, ErrUnauthorized, 401, "", Pusher{"s3cret", false}},
		{"not this pool's", guarded, afar, "Bearer s3cret", oneReport, ErrForbidden, 403, "", Pusher{"s3cret", false}},
		{"unknown", open, loopback, "", oneReport, fmt.Errorf("report 0: %w: pool x", ErrNotFound), 404, "pool x", Pusher{Admin: true}},
		{"impossible", open, loopback, "", oneReport, ErrBadRequest, 400, "", Pusher{Admin: true}},
		{"too early", open, loopback, "", oneReport, ErrUnavailable, 503, "", Pusher{Admin: true}},
		{"trouble", open, loopback, "", oneReport, errors.New("disk full"), 500, "disk full", Pusher{Admin: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fails, by, got = tt.fails, Pusher{}, nil
			w := post(tt.h, tt.local, tt.authorization, tt.body)
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.says) || by != tt.by {
				t.Errorf("status %d, want %d: %s; by %+v, want %+v", w.Code, tt.code, w.Body, by, tt.by)
			}
			if w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("answered as %q", w.Header().Get("Content-Type"))
			}
			if (w.Code == 401) != strings.HasPrefix(w.Header().Get("WWW-Authenticate"), "Bearer realm=") || (w.Code == 503) != (w.Header().Get("Retry-After") == "1") {
				t.Errorf("status %d with %v", w.Code, w.Header())
			}
			if w.Code == 200 && got[0].Report.Utilization != 0.4 {
				t.Errorf("taken %+v", got)
			}
			if strings.Contains(w.Body.String(), "s3cret") {
				t.Errorf("the answer %s tells the token", w.Body)
			}
		})
	}
}

// Pools with tokens of their own go on without the admin token's file.
func TestPushWithoutTheAdminTokensFile(t *testing.T) {
	var log strings.Builder
	o := options(good())
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	o.TokenFile = withToken(t, "admin")
	o.Push = func(_ context.Context, by Pusher, _ []source.PushRequest) error {
		if by != (Pusher{Token: "s3cret"}) {
			t.Errorf("by %+v", by)
		}
		return nil
	}
	h := handler(t, o)
	if err := os.Remove(o.TokenFile); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if w := post(h, "10.0.0.1", "Bearer s3cret", oneReport); w.Code != http.StatusOK {
			t.Errorf("status %d: %s", w.Code, w.Body)
		}
	}
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
		t.Errorf("the log says it %d times, want once:\n%s", n, log.String())
	}
}

// What a browser was tricked into sending is refused like any other change.
func TestPushFromAnotherSiteIsRefused(t *testing.T) {
	o := options(good())
	o.Push = func(context.Context, Pusher, []source.PushRequest) error { t.Error("taken"); return nil }
	r := httptest.NewRequest(http.MethodPost, reportsPath, strings.NewReader(oneReport))
	arriving("127.0.0.1", "")(r)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w := httptest.NewRecorder()
	handler(t, o).ServeHTTP(w, r)
	if w.Code != http.StatusForbidden {
		t.Errorf("status %d: %s", w.Code, w.Body)
	}
}

func TestPushIsLimited(t *testing.T) {
	o := options(good())
	o.Push = func(context.Context, Pusher, []source.PushRequest) error { return nil }
	h := handler(t, o)
	codes := map[int]int{}
	for range 3 * pushBurst {
		w := post(h, "127.0.0.1", "", oneReport)
		if codes[w.Code]++; w.Code == 429 && (w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "send several reports in one")) {
			t.Fatalf("%v: %s", w.Header(), w.Body)
		}
	}
	if codes[200] < pushBurst || codes[429] == 0 || len(codes) != 2 {
		t.Errorf("answers %v, want %d and some more taken", codes, pushBurst)
	}
}

func TestRateLimit(t *testing.T) {
	l := newRateLimit(10, 5)
	now := time.Unix(1000, 0)
	for i := range 5 {
		if wait := l.take(now, "a"); wait != 0 {
			t.Errorf("request %d waits %s", i, wait)
		}
	}
	if wait := l.take(now, "a"); wait != 100*time.Millisecond {
		t.Errorf("the sixth waits %s", wait)
	}
	if wait := l.take(now, "b"); wait != 0 {
		t.Errorf("another client waits %s", wait)
	}
	if wait := l.take(now.Add(100*time.Millisecond), "a"); wait != 0 {
		t.Errorf("after that it waits %s", wait)
	}
	// However many clients there are, the memory is bounded.
	refused := 0
	for i := range 3 * maxClients {
		if l.take(now, fmt.Sprint(i)) > 0 {
			refused++
		}
	}
	if len(l.buckets) > maxClients || refused == 0 {
		t.Errorf("%d clients told apart, %d refused", len(l.buckets), refused)
	}
	if wait := l.take(now.Add(time.Minute), "new"); wait != 0 || len(l.buckets) != 1 {
		t.Errorf("a new client waits %s, %d told apart", wait, len(l.buckets))
	}
}
