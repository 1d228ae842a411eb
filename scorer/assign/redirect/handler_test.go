package redirect

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/assign/ratelimit"
)

func header(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func TestAnswers(t *testing.T) {
	websocket := func(r *http.Request) {
		r.Header.Set("Connection", "Upgrade")
		r.Header.Set("Upgrade", "websocket")
		r.Header.Set("Accept", "application/json")
	}
	for _, c := range []struct {
		name     string
		options  Options
		path     string
		change   func(*http.Request)
		status   int
		location string // or the url in JSON
		json     bool
	}{
		{"redirect", Options{}, "/room/7?x=1&y=%20", nil, 307, "ws://10.0.0.1:8080/room/7?x=1&y=%20", false},
		{"accepts JSON", Options{}, "/", header("Accept", "text/html;q=0.1, Application/JSON; q=0.9"), 200, "ws://10.0.0.1:8080/", true},
		{"accepts anything", Options{}, "/", header("Accept", "*/*"), 307, "ws://10.0.0.1:8080/", false},
		{"accepts no JSON", Options{}, "/", header("Accept", "application/json; q=0"), 307, "ws://10.0.0.1:8080/", false},
		{"a WebSocket handshake", Options{}, "/a", websocket, 307, "ws://10.0.0.1:8080/a", false},
		{"JSON by rule", Options{Answer: AnswerJSON}, "/a", nil, 200, "ws://10.0.0.1:8080/a", true},
		{"a WebSocket handshake, JSON by rule", Options{Answer: AnswerJSON}, "/a", websocket, 307, "ws://10.0.0.1:8080/a", false},
		{"redirect by rule", Options{Answer: AnswerRedirect}, "/a", header("Accept", "application/json"), 307, "ws://10.0.0.1:8080/a", false},
		{"every placeholder", Options{URL: "https://{name}.farm.example:{port}/on/{host}{path}"}, "/a", nil, 307, "https://ws1.farm.example:8080/on/10.0.0.1/a", false},
		{"the same path for all", Options{URL: "http://{address}/start"}, "/a?b=c", nil, 307, "http://10.0.0.1:8080/start?b=c", false},
		{"posted", Options{}, "/a", func(r *http.Request) { r.Method = http.MethodPost }, 307, "ws://10.0.0.1:8080/a", false},

		{"another host in the path", Options{}, "//evil.example/a", nil, 307, "ws://10.0.0.1:8080//evil.example/a", false},
		{"another host by absolute form", Options{}, "http://evil.example/a", nil, 307, "ws://10.0.0.1:8080/a", false},
		{"a user in the path", Options{}, "/@evil.example/", nil, 307, "ws://10.0.0.1:8080/@evil.example/", false},
		{"a header in the path", Options{}, "/a%0d%0aSet-Cookie:%20a=b", nil, 307, "ws://10.0.0.1:8080/a%0d%0aSet-Cookie:%20a=b", false},
		{"a header in the query", Options{}, "/", func(r *http.Request) { r.URL.RawQuery = "a\r\nSet-Cookie: b\"<é" }, 307, "ws://10.0.0.1:8080/?a%0D%0ASet-Cookie:%20b%22%3C%C3%A9", false},
		{"no path", Options{}, "/", func(r *http.Request) { r.URL.Path = "@evil.example" }, 400, "", false},
		{"no path, either", Options{}, "/", func(r *http.Request) { r.URL.Path = "*" }, 400, "", false},
		{"CONNECT", Options{}, "/", func(r *http.Request) { r.Method = http.MethodConnect }, 400, "", false},
		{"too long", Options{}, "/" + strings.Repeat("a", maxURI), nil, 414, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := target(t, server(t), c.options, backends()[0])
			resp := serve(h, get(c.path, c.change))
			if resp.StatusCode != c.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, c.status)
			}
			if got := resp.Header.Get("Cache-Control"); got != "no-store" {
				t.Errorf("Cache-Control %q, want no-store", got)
			}
			got := resp.Header.Get("Location")
			if c.json {
				var d document
				if err := json.NewDecoder(resp.Body).Decode(&d); err != nil {
					t.Fatal(err)
				}
				got = d.URL
				if diff := cmp.Diff(document{"ws", "ws1", "10.0.0.1:8080", got}, d); diff != "" {
					t.Errorf("document (-want +got):\n%s", diff)
				}
			}
			if got != c.location {
				t.Errorf("sent to %q, want %q", got, c.location)
			}
		})
	}
}

func TestNowhereToGo(t *testing.T) {
	nobody, err := server(t).Target("ws", Options{URL: "ws://{address}{path}"})
	if err != nil {
		t.Fatal(err)
	}
	limited := target(t, server(t), Options{Rate: ratelimit.Config{PerSecond: 0.1, Burst: 1}}, backends()...)
	serve(limited, get("/", nil))
	none := target(t, server(t), Options{}, scorer.Backend{Name: "ws1", Address: "not an address"})
	for _, c := range []struct {
		name         string
		h            http.Handler
		status       int
		least, most  int
		reason       string
		statsFrom    *Target
		wantInReason uint64
	}{
		{"no target", server(t), 503, 1, 1, "", nil, 0},
		{"no plan", nobody, 503, 1, 1, "no_plan", nobody, 2},
		{"no backend", none, 503, 5, 10, "no_backend", none, 2},
		{"too often", limited, 429, 1, 10, "rate_limit", limited, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, accept := range []string{"", "application/json"} {
				resp := serve(c.h, get("/", header("Accept", accept)))
				retry, err := strconv.Atoi(resp.Header.Get("Retry-After"))
				if resp.StatusCode != c.status || err != nil || retry < c.least || retry > c.most || resp.Header.Get("Cache-Control") != "no-store" {
					t.Errorf("status %d, header %v; want %d, Retry-After %d to %d, no-store", resp.StatusCode, resp.Header, c.status, c.least, c.most)
				}
			}
			if c.statsFrom != nil {
				if got := c.statsFrom.Stats().Refused[c.reason]; got != c.wantInReason {
					t.Errorf("%d counted as %s, want %d", got, c.reason, c.wantInReason)
				}
			}
		})
	}
}

func TestSticky(t *testing.T) {
	many := make([]scorer.Backend, 20)
	for i := range many {
		many[i] = scorer.Backend{Name: "ws" + strconv.Itoa(i), Address: "10.0.0." + strconv.Itoa(i+1) + ":80", Capacity: 1}
	}
	for key, change := range map[string]func(*http.Request){
		"cookie:room": header("Cookie", "a=b; room=7"),
		"header:Room": header("Room", "7"),
		"query:room":  func(r *http.Request) { r.URL.RawQuery = "room=7" },
		"client":      nil,
	} {
		h := target(t, server(t), Options{Key: key}, many...)
		places := map[string]bool{}
		for range 50 {
			places[serve(h, get("/", change)).Header.Get("Location")] = true
		}
		if len(places) != 1 {
			t.Errorf("by %s a client is sent to %d places, want 1", key, len(places))
		}
		if key == "client" {
			continue
		}
		for range 50 {
			places[serve(h, get("/", nil)).Header.Get("Location")] = true
		}
		if len(places) < 10 {
			t.Errorf("by %s, clients without one are sent to %d of 20 places", key, len(places))
		}
	}
}

func TestClient(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("fe80::/10")}
	for _, c := range []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"192.0.2.1:1", nil, "192.0.2.1"},
		{"192.0.2.1:1", []string{"198.51.100.1"}, "192.0.2.1"},
		{"10.0.0.1:1", nil, "10.0.0.1"},
		{"10.0.0.1:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"203.0.113.9, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"203.0.113.9", "198.51.100.1:44", "10.0.0.2"}, "198.51.100.1"},
		{"10.0.0.1:1", []string{"198.51.100.1, nonsense, 10.0.0.2"}, "10.0.0.2"},
		{"10.0.0.1:1", []string{""}, "10.0.0.1"},
		{"10.0.0.1:1", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"[2001:db8::1]:1", []string{"[2001:db9::5]:80"}, "2001:db9::5"},
		{"[::ffff:10.0.0.1]:1", []string{"198.51.100.1"}, "198.51.100.1"},
		{"nonsense", []string{"198.51.100.1"}, "invalid IP"},
		{"[fe80::1%eth0]:1", []string{"198.51.100.1"}, "198.51.100.1"},
	} {
		r := get("/", func(r *http.Request) {
			r.RemoteAddr = c.peer
			r.Header["X-Forwarded-For"] = c.forwarded
		})
		if got := clientOf(r, trusted).String(); got != c.want {
			t.Errorf("%s, %q: client %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestTemplates(t *testing.T) {
	for text, good := range map[string]bool{
		"ws://{address}{path}": true, "https://{name}.farm.example{path}": true, "http://{host}:9000/v1{path}": true,
		"wss://{address}": true, "http://{address}/start": true,
		"": false, "{path}": false, "//{address}{path}": false, "ftp://{address}{path}": false,
		"ws://farm.example{path}": false, "ws://{path}": false, "ws://{address}/{path}": false, "ws://{address}{path}/x": false,
		"ws://{address}{path}{path}": false, "ws://user@{address}{path}": false, "ws://{address}?a={path}": false,
		"ws://{adress}{path}": false, "ws://{address}/a b": false, "javascript:alert(1)//{address}": false, "ws://farm.example:{port}{path}": false,
		"ws://{address}{path}#a": false, "ws://{address}/\r\nA:b": false,
	} {
		if _, err := ParseTemplate(text); (err == nil) != good {
			t.Errorf("%q: error %v, want good = %v", text, err, good)
		}
	}
}

func TestOptionsAreRefused(t *testing.T) {
	for _, o := range []Options{
		{URL: "ws://{path}"},
		{URL: "ws://{address}{path}", Key: "cookie:"},
		{URL: "ws://{address}{path}", Key: "cookie:a b"},
		{URL: "ws://{address}{path}", Key: "room"},
		{URL: "ws://{address}{path}", Answer: "xml"},
	} {
		if _, err := server(t).Target("ws", o); err == nil {
			t.Errorf("%+v is taken", o)
		}
	}
}

func TestBackendsThatMakeNoURL(t *testing.T) {
	template, err := ParseTemplate("ws://{name}.example:{port}{path}")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, address string
		good          bool
	}{
		{"ws1", "10.0.0.1:80", true},
		{"ws1", "[2001:db8::1]:80", true},
		{"ws1", "ws1.example:80", true},
		{"evil.example/", "10.0.0.1:80", false},
		{"a:b", "10.0.0.1:80", false},
		{"ws1", "10.0.0.1", false},
		{"ws1", "10.0.0.1:http", false},
		{"ws1", "a@b:80", false},
		{"ws1", "a/b:80", false},
		{"ws1", ":80", false},
		{"ws1", "10.0.0.1:0", false},
	} {
		if err := template.check(c.name, c.address); (err == nil) != c.good {
			t.Errorf("%s at %s: error %v, want good = %v", c.name, c.address, err, c.good)
		}
	}
}

// A key of the query is what reading all of it gives.
func FuzzQueryValue(f *testing.F) {
	f.Add("room=7&x=1")
	f.Add("a=b&ro%6fm=1+2%20&room=2")
	f.Add("room=%zz&room=;&room;=1&room&room=3")
	f.Fuzz(func(t *testing.T, query string) {
		values, _ := url.ParseQuery(query)
		if got, want := queryValue(query, "room"), values.Get("room"); got != want {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	})
}

// Whatever a client sends, it goes to the backend.
func FuzzLocation(f *testing.F) {
	f.Add("/room/7", "x=1")
	f.Add("//evil.example", "\r\nA: b")
	f.Add("/\\evil.example", "a#b?c/d@e")
	f.Add("/%2e%2e/%zz", "%")
	h := target(f, server(f), Options{}, backends()[0])
	f.Fuzz(func(t *testing.T, path, query string) {
		r := get("/", func(r *http.Request) { r.URL = &url.URL{Path: path, RawPath: path, RawQuery: query} })
		resp := serve(h, r)
		location := resp.Header.Get("Location")
		if resp.StatusCode != http.StatusTemporaryRedirect {
			return
		}
		u, err := url.Parse(location)
		if err != nil || u.Scheme != "ws" || u.Host != "10.0.0.1:8080" || u.User != nil || u.Fragment != "" {
			t.Fatalf("path %q and query %q lead to %q (%v)", path, query, location, err)
		}
		for _, c := range []byte(location) {
			if c <= ' ' || c >= 0x7f {
				t.Fatalf("path %q and query %q put %q into a header", path, query, location)
			}
		}
	})
}
