package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/report"
)

func hookAt(t *testing.T, url string) *shedHook {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte("t\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	h, err := newShedHook(&config.ShedHook{URL: strings.Replace(url, "127.0.0.1", "{host}", 1), TokenFile: path}, "youngest")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	h.client.Timeout = time.Minute // who is slow to answer here is not meant to be too late
	h.SetBackends([]scorer.Backend{{Name: "s1", Address: "127.0.0.1:80"}, {Name: "s2"}})
	return h
}

func TestWhatAHookAnswers(t *testing.T) {
	for name, test := range map[string]struct {
		code  int
		body  string
		asked int
		says  string
	}{
		"all":              {200, `{"asked":3,"open":9,"movable":6}`, 3, ""},
		"fewer":            {200, `{"asked":1,"open":1,"movable":0}`, 1, ""},
		"more than wanted": {200, `{"asked":99}`, 3, ""},
		"less than none":   {200, `{"asked":-1}`, 0, ""},
		"limited":          {200, `{"asked":2,"limited":true}`, 2, "rate limit"},
		"too many":         {429, `{"asked":0,"limited":true}`, 0, "rate limit"},
		"no token":         {401, "who?", 0, "wants a token"},
		"wrong token":      {403, "no\x1b[31m", 0, "not with this token"},
		"not there":        {404, "", 0, "is shed.hook its port and path?"},
		"no JSON":          {200, "ok", 3, "not such JSON"},
		"no count":         {200, `{"ok":true}`, 3, "asked is missing"},
		"nothing":          {204, "", 3, "not such JSON"},
		"accepted":         {202, `{"asked":2}`, 2, ""},
		"half":             {500, `{"asked":2}`, 2, "500"},
		"a limit":          {200, `{"asked":2,"limited":true,"limit":0.5}`, 2, "rate limit of 0.5 a second"},
		"a redirect":       {302, "", 0, "302"},
		"closing":          {503, "the load reporter is closed", 0, "is closed"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer t" {
					t.Errorf("%s with %q", r.Method, r.Header.Get("Authorization"))
				}
				w.Header().Set("Location", "http://127.0.0.1:1/")
				w.WriteHeader(test.code)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			asked, err := hookAt(t, server.URL).shed(t.Context(), "s1", 3, "even\nout")
			if asked != test.asked || (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("asked %d, %v; want %d and %q", asked, err, test.asked, test.says)
			}
			if err != nil && strings.Contains(err.Error(), "\x1b") {
				t.Errorf("%q could write to a terminal", err)
			}
		})
	}
	h := hookAt(t, "http://127.0.0.1:1")
	if _, err := h.shed(t.Context(), "s2", 1, ""); err == nil || !strings.Contains(err.Error(), "address is not known") {
		t.Errorf("without an address: %v", err)
	}
	if _, err := h.shed(t.Context(), "s1", 1, ""); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("nobody there: %v", err)
	}
}

func TestHookAddresses(t *testing.T) {
	for _, test := range []struct {
		hook          config.ShedHook
		address, want string
	}{
		{config.ShedHook{Path: "/shed"}, "10.0.0.1:80", "http://10.0.0.1:80/shed"},
		{config.ShedHook{Path: "/shed", Port: 9001}, "10.0.0.1:80", "http://10.0.0.1:9001/shed"},
		{config.ShedHook{Path: "/x", Port: 9001}, "[2001:db8::1]:80", "http://[2001:db8::1]:9001/x"},
		{config.ShedHook{URL: "https://farm/{name}"}, "", "https://farm/s%2F1"},
	} {
		h, err := newShedHook(&test.hook, "oldest")
		if err != nil {
			t.Fatal(err)
		}
		h.SetBackends([]scorer.Backend{{Name: "s/1", Address: test.address}})
		if got, err := h.url("s/1"); err != nil || got != test.want {
			t.Errorf("%q, %v; want %q", got, err, test.want)
		}
	}
}

// countingCloser closes all that it is asked to, or fails.
type countingCloser struct {
	mu       sync.Mutex
	requests []haproxy.CloseRequest
	err      error
}

func (c *countingCloser) Close(_ context.Context, r haproxy.CloseRequest) (haproxy.CloseResult, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.requests = append(c.requests, r)
	if c.err != nil {
		return haproxy.CloseResult{}, c.err
	}
	return haproxy.CloseResult{Asked: r.Count, Closed: r.Count}, nil
}

func TestEachDataPlaneClosesItsPart(t *testing.T) {
	fine, hung := &countingCloser{}, &countingCloser{err: haproxy.ErrHung}
	h := &hands{order: haproxy.Youngest, closers: map[string]closer{"haproxy:a": fine, "haproxy:b": hung}}
	plan := scorer.Plan{Seq: 7, At: time.Now(), Decisions: []scorer.Decision{
		{Backend: "s1", Shed: scorer.Shed{Count: 5, Parts: []scorer.ShedPart{{Target: "haproxy:a", Count: 2}, {Target: "haproxy:b", Count: 2}, {Target: "envoy:ws", Count: 1}}}},
		{Backend: "s2"},
		{Backend: "s3", Shed: scorer.Shed{Count: 1}},
	}}
	sum, failed := 0, 0
	for _, r := range h.Shed(t.Context(), plan, time.Now().Add(time.Second)) {
		if r.Seq != 7 || r.At.IsZero() || r.Backend == "s2" {
			t.Errorf("told %+v", r)
		}
		sum += r.Count
		switch {
		case r.Err == nil:
		case errors.Is(r.Err, haproxy.ErrHung), errors.Is(r.Err, errNoHands), r.Backend == "s3":
			failed++
		default:
			t.Error(r.Err)
		}
	}
	if sum != 2 || failed != 3 {
		t.Errorf("%d closed, %d failures", sum, failed)
	}
	if r := fine.requests[0]; r.Server != "s1" || r.Count != 2 || r.Order != haproxy.Youngest || r.Over <= 0 || r.Over > time.Second {
		t.Errorf("asked for %+v", r)
	}
}

func TestAPoolThatCanCloseNothingSaysSo(t *testing.T) {
	envoy, err := newHands(config.Pool{Shed: &config.Shed{Order: "oldest"}})
	if err != nil {
		t.Fatal(err)
	}
	if why := envoy.helpless(); !strings.Contains(why, "shed.hook") {
		t.Errorf("says %q", why)
	}
	hooked, err := newHands(config.Pool{Shed: &config.Shed{Order: "oldest", Hook: &config.ShedHook{Path: "/shed"}}})
	if err != nil || hooked.helpless() != "" {
		t.Errorf("says %q, %v", hooked.helpless(), err)
	}
	if _, err := newHands(config.Pool{Shed: &config.Shed{Hook: &config.ShedHook{TokenFile: "/nowhere"}}}); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Errorf("a token file that is not there: %v", err)
	}
}

// counter is a hook that asks whom it is told to, as far as it is let.
type counter struct {
	mu      sync.Mutex
	bodies  []string
	asked   int
	allowed func() int
}

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var request report.ShedRequest
	if err != nil || json.Unmarshal(body, &request) != nil {
		http.Error(w, "not a request", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bodies = append(c.bodies, string(body))
	n := min(request.Connections, c.allowed())
	c.asked += n
	_ = json.NewEncoder(w).Encode(report.ShedAnswer{Asked: n, Limited: n < request.Connections, Limit: 7})
}

// direct answers without a network: in a bubble nothing takes time but what is said to.
type direct struct{ http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	d.ServeHTTP(w, r)
	return w.Result(), r.Context().Err()
}

// serve gives hands with a hook that a handler answers for, in a bubble.
func serve(t *testing.T, handler http.Handler) *hands {
	t.Helper()
	h := hookAt(t, "http://127.0.0.1")
	h.client.Transport, h.client.Timeout = direct{handler}, hookTimeout
	return &hands{hook: h}
}

func tenOf(backend string) *scorer.Decision {
	return &scorer.Decision{Backend: backend, Shed: scorer.Shed{Count: 10, Why: "too many"}}
}

// What is asked for is spread over the time.
func TestAHookIsAskedInPortions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{allowed: func() int { return 10 }}
		asked, err := serve(t, c).ask(t.Context(), tenOf("s1"), 4*hookEvery)
		if err != nil || asked != 10 || c.asked != 10 || len(c.bodies) != 4 {
			t.Errorf("asked %d, %v, in %d portions", asked, err, len(c.bodies))
		}
		if !strings.Contains(c.bodies[0], `"order":"youngest","by":"trimtab","reason":"too many"`) {
			t.Errorf("asked with %s", c.bodies[0])
		}
	})
}

// Whom a hook lets go later is asked with the next portion; what is left is told.
func TestALimitedHookIsAskedForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		room := []int{10, 0, 2, 10}
		late := &counter{}
		late.allowed = func() int { return room[min(len(late.bodies), len(room))-1] }
		if asked, err := serve(t, late).ask(t.Context(), tenOf("s1"), 4*hookEvery); asked != 10 || err != nil {
			t.Errorf("asked %d, %v, want all and no error when all were asked in the end", asked, err)
		}
		slow := &counter{allowed: func() int { return 1 }}
		asked, err := serve(t, slow).ask(t.Context(), tenOf("s1"), 3*hookEvery)
		if asked != 3 || !errors.Is(err, errLimited) || !strings.Contains(err.Error(), "limit of 7 a second") {
			t.Errorf("asked %d, %v, want as many as it lets go and its limit", asked, err)
		}
	})
}

// Who takes long to answer is asked for all that is due by then, and not for longer
// than the next plan waits.
func TestAHookThatAnswersLateIsAskedForMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &counter{allowed: func() int { return 10 }}
		asked, err := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			pass(700 * time.Millisecond)
			c.ServeHTTP(w, r)
		})).ask(t.Context(), tenOf("s1"), 4*hookEvery)
		if asked != 10 || err != nil || len(c.bodies) != 2 {
			t.Errorf("asked %d, %v, in %d portions; want all in two", asked, err, len(c.bodies))
		}
	})
}

// Who finds nobody to ask is given time for those who were asked to go.
func TestWhoFindsNobodyToAskSaysSoAfterAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		nobody := &idle{}
		for second := range 30 {
			err := nobody.found("s1", 0, "they stay")
			if long := second >= int(leaveTime/time.Second); long != (err != nil) || long && !strings.Contains(err.Error(), "they stay") {
				t.Errorf("second %d: %v", second, err)
			}
			pass(time.Second)
		}
		if err := nobody.found("s1", 1, ""); err != nil || len(nobody.since) != 0 {
			t.Errorf("%v, %d known", err, len(nobody.since))
		}
		for i := range 5 {
			pass(idlePause + time.Second)
			if err := nobody.found(fmt.Sprint("s", i/2), 0, ""); err != nil || len(nobody.since) != 1 {
				t.Errorf("now and then nobody: %v, %d known", err, len(nobody.since))
			}
		}
	})
}

// pass lets time go by, in a bubble.
func pass(d time.Duration) { <-time.After(d) }

// A plan that its predecessor's hands have kept waiting is not carried out in a moment.
func TestALatePlanIsNoBurst(t *testing.T) {
	c := &countingCloser{}
	h := &hands{closers: map[string]closer{"haproxy:a": c}}
	at := time.Now().Add(-990 * time.Millisecond)
	h.Shed(t.Context(), scorer.Plan{At: at, Decisions: []scorer.Decision{
		{Backend: "s1", Shed: scorer.Shed{Count: 5, Parts: []scorer.ShedPart{{Target: "haproxy:a", Count: 5}}}},
	}}, at.Add(time.Second))
	if over := c.requests[0].Over; over < 300*time.Millisecond || over > time.Second {
		t.Errorf("all within %v", over)
	}
}

// Who does not answer in time may have done what it was asked.
func TestAHookThatDoesNotAnswer(t *testing.T) {
	released := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(released) })
	h := hookAt(t, server.URL)
	h.client.Timeout = hookTimeout
	if n, err := h.shed(t.Context(), "s1", 7, ""); n != 7 || err == nil {
		t.Errorf("asked %d, %v, want the 7 that it may have asked, and an error", n, err)
	}
	for name, handle := range map[string]http.HandlerFunc{
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte(`{"asked":7`))
		},
		"gone in the middle": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		cut := httptest.NewServer(handle)
		t.Cleanup(cut.Close)
		if n, err := hookAt(t, cut.URL).shed(t.Context(), "s1", 7, ""); n != 7 || err == nil {
			t.Errorf("%s: asked %d, %v, want the 7 that it may have asked, and an error", name, n, err)
		}
	}
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	h = hookAt(t, gone.URL)
	if n, err := h.shed(t.Context(), "s1", 7, ""); n != 0 || err == nil {
		t.Errorf("asked %d, %v, want none where nobody listens, and an error", n, err)
	}
	// Nor of whom nobody knows that he is the one: the request was never sent.
	stranger := httptest.NewUnstartedServer(http.NotFoundHandler())
	stranger.Config.ErrorLog = log.New(io.Discard, "", 0)
	stranger.StartTLS()
	t.Cleanup(stranger.Close)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, and no handshake
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for name, url := range map[string]string{"a stranger": stranger.URL, "silent": "https://" + silent.Addr().String()} {
		h := hookAt(t, url)
		h.client.Timeout = hookTimeout
		if n, err := h.shed(t.Context(), "s1", 7, ""); n != 0 || err == nil {
			t.Errorf("%s: asked %d, %v, want none and an error", name, n, err)
		}
	}
}
