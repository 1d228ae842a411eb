package redirect

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer/assign/ratelimit"
)

func TestOrigins(t *testing.T) {
	const app, other = "https://app.example.org", "https://other.example.org"
	get := func(origin string) *http.Request {
		return get("/a", func(r *http.Request) {
			r.Header.Set("Accept", "application/json")
			if origin != "" {
				r.Header.Set("Origin", origin)
			}
		})
	}
	preflight := func(origin string) *http.Request {
		r := get(origin)
		r.Method = http.MethodOptions
		r.Header.Set("Access-Control-Request-Method", "GET")
		r.Header.Set("Access-Control-Request-Headers", "room,traceparent")
		return r
	}
	named := Options{Origins: []string{"HTTPS://App.example.org:443", "http://localhost:3000"}}
	withCookie := Options{Origins: []string{app, "*"}, Key: "cookie:room"}
	for _, c := range []struct {
		name    string
		options Options
		request *http.Request
		status  int
		want    http.Header
	}{
		{"nobody is named", Options{}, get(app), 200, http.Header{}},
		{"a preflight when nobody is named", Options{}, preflight(app), 200, http.Header{}},
		{"named", named, get(app), 200, http.Header{
			"Access-Control-Allow-Origin": {app}, "Access-Control-Expose-Headers": {"Retry-After"}, "Vary": {"Origin"},
		}},
		{"not named", named, get(other), 200, http.Header{"Vary": {"Origin"}}},
		{"like one that is named", named, get(app + ".evil.example"), 200, http.Header{"Vary": {"Origin"}}},
		{"no page", named, get(""), 200, http.Header{"Vary": {"Origin"}}},
		{"a preflight", named, preflight(app), 204, http.Header{
			"Access-Control-Allow-Origin": {app}, "Access-Control-Expose-Headers": {"Retry-After"}, "Vary": {"Origin"},
			"Access-Control-Allow-Methods": {"GET, HEAD, POST, PUT, PATCH, DELETE"},
			"Access-Control-Allow-Headers": {"room,traceparent"}, "Access-Control-Max-Age": {"600"},
		}},
		{"a preflight of another", named, preflight(other), 200, http.Header{"Vary": {"Origin"}}},
		{"all", Options{Origins: []string{"*"}}, get(other), 200, http.Header{
			"Access-Control-Allow-Origin": {"*"}, "Access-Control-Expose-Headers": {"Retry-After"},
		}},
		{"named, with a cookie", withCookie, get(app), 200, http.Header{
			"Access-Control-Allow-Origin": {app}, "Access-Control-Allow-Credentials": {"true"}, "Access-Control-Expose-Headers": {"Retry-After"},
		}},
		{"all, with a cookie for those named", withCookie, get(other), 200, http.Header{
			"Access-Control-Allow-Origin": {"*"}, "Access-Control-Expose-Headers": {"Retry-After"},
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			resp := serve(target(t, server(t), c.options, backends()...), c.request)
			if resp.StatusCode != c.status {
				t.Errorf("status %d, want %d", resp.StatusCode, c.status)
			}
			for _, other := range []string{"Cache-Control", "Content-Type", "X-Content-Type-Options"} {
				resp.Header.Del(other)
			}
			if diff := cmp.Diff(c.want, resp.Header); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
		})
	}
}

// A page learns when to ask again, and a preflight is no asking.
func TestPagesAreTold(t *testing.T) {
	h := target(t, server(t), Options{Origins: []string{"*"}, Rate: ratelimit.Config{PerSecond: 0.1, Burst: 1}}, backends()...)
	ask := func(method string) *http.Response {
		return serve(h, get("/", func(r *http.Request) {
			r.Method = method
			r.Header.Set("Origin", "https://app.example.org")
			r.Header.Set("Access-Control-Request-Method", "GET")
		}))
	}
	for range 3 {
		if got := ask(http.MethodOptions).StatusCode; got != http.StatusNoContent {
			t.Fatalf("a preflight is answered %d, want 204", got)
		}
	}
	if got := ask(http.MethodGet).StatusCode; got != http.StatusTemporaryRedirect {
		t.Errorf("status %d, want 307", got)
	}
	resp := ask(http.MethodGet)
	if resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Access-Control-Allow-Origin") != "*" || resp.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, header %v; want 429 that the page may read", resp.StatusCode, resp.Header)
	}
}

func TestParseOrigin(t *testing.T) {
	for text, want := range map[string]string{
		"*": "*", "https://app.example.org": "https://app.example.org", "http://LOCALHOST:3000": "http://localhost:3000",
		"https://app.example.org:443": "https://app.example.org", "http://[::1]:8080": "http://[::1]:8080",
		"": "", "app.example.org": "", "https://": "", "https://app.example.org/": "", "https://*.example.org": "", "null": "",
		"https://user@app.example.org": "", "ws://app.example.org": "", "https://app.example.org?a": "", "https://:443": "",
	} {
		if got, err := ParseOrigin(text); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %q, %v; want %q", text, got, err, want)
		}
	}
}
