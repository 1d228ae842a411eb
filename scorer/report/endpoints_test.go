package report

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

const secret = "s3cret"

func token() (string, error) { return secret, nil }

// post sends a body to a hook; a token of "" is none.
func post(h http.Handler, path, shown, body string) *httptest.ResponseRecorder {
	request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	if shown != "" {
		request.Header.Set("Authorization", "Bearer "+shown)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, request)
	return w
}

func TestLoadAsJSON(t *testing.T) {
	l := Unknown()
	l.CPU, l.RPS, l.EPS, l.Memory = 0, 12.5, 0, math.Inf(1)
	l.Draining = true
	l.Named = map[string]float64{"queue": 3, "nonsense": math.NaN()}
	w := httptest.NewRecorder()
	Endpoints{Load: fixed(l)}.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/load", nil))
	want := `{"cpu_utilization":0,"draining":true,"eps":0,"named_metrics":{"queue":3},"rps_fractional":12.5}` + "\n"
	if diff := cmp.Diff(want, w.Body.String()); diff != "" || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%v (-want +got):\n%s", w.Header(), diff)
	}
}

func TestHooksWantTheToken(t *testing.T) {
	r := reporter(t, Options{})
	r.Connect(func(context.Context, Reason) error { return nil })
	for _, test := range []struct {
		name, header string
		token        func() (string, error)
		status       int
	}{
		{"none", "", token, 401},
		{"another scheme", "Basic " + secret, token, 401},
		{"no token", "Bearer ", token, 401},
		{"only a token", secret, token, 401},
		{"another token", "Bearer wrong", token, 403},
		{"a longer one", "Bearer " + secret + "x", token, 403},
		{"a shorter one", "Bearer s", token, 403},
		{"no token is configured", "Bearer " + secret, nil, 403},
		{"an empty one is", "Bearer " + secret, func() (string, error) { return "", nil }, 403},
		{"it cannot be read", "Bearer " + secret, func() (string, error) { return secret, errors.New("no file") }, 403},
		{"the token", "Bearer " + secret, token, 200},
		{"in another writing", "bearer " + secret, token, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := Endpoints{Load: r, Shed: r, Drain: r, Token: test.token}.Handler()
			for _, path := range []string{"/shed", "/drain", "/undrain"} {
				request := httptest.NewRequest(http.MethodPost, path, strings.NewReader(`{"connections": 1}`))
				if test.header != "" {
					request.Header.Set("Authorization", test.header)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, request)
				if w.Code != test.status {
					t.Errorf("%s: status %d, want %d: %s", path, w.Code, test.status, w.Body)
				}
				if strings.Contains(w.Body.String(), secret) {
					t.Errorf("%s tells the token: %s", path, w.Body)
				}
			}
			if r.Load().Draining {
				t.Error("drains")
			}
		})
	}
}

func TestHooksThatAreNotThere(t *testing.T) {
	h := Endpoints{Load: fixed(Unknown()), Token: token}.Handler()
	for _, path := range []string{"/shed", "/drain", "/other"} {
		if w := post(h, path, secret, `{"connections": 1}`); w.Code != http.StatusNotFound {
			t.Errorf("%s: status %d", path, w.Code)
		}
	}
	if w := post(h, "/load", secret, ""); w.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST /load: status %d", w.Code)
	}
}

func TestShedHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // in which the budget does not grow meanwhile
		r := reporter(t, Options{ShedRate: 5})
		reasons := make(chan Reason, 10)
		for range 10 {
			r.Connect(func(_ context.Context, why Reason) error { reasons <- why; return nil })
		}
		var log bytes.Buffer
		h := Endpoints{Load: r, Shed: r, Token: token, Logger: slog.New(slog.NewTextHandler(&log, nil))}.Handler()
		for name, body := range map[string]string{
			"nothing":        "",
			"no JSON":        "3",
			"none":           `{"connections": 0}`,
			"fewer":          `{"connections": -1}`,
			"a word":         `{"connections": "3"}`,
			"another order":  `{"connections": 1, "order": "dearest"}`,
			"two lines":      `{"connections": 1, "reason": "a\nb"}`,
			"a long reason":  `{"connections": 1, "reason": "` + strings.Repeat("x", 1001) + `"}`,
			"a long request": `{"reason": "` + strings.Repeat("x", maxShedBody) + `"}`,
		} {
			if w := post(h, "/shed", secret, body); w.Code != http.StatusBadRequest {
				t.Errorf("%s: status %d: %s", name, w.Code, w.Body)
			}
		}
		shed := func(body string) (int, ShedAnswer) {
			w := post(h, "/shed", secret, body)
			var answer ShedAnswer
			if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
				t.Errorf("%s: %v", w.Body, err)
			}
			return w.Code, answer
		}
		code, answer := shed(`{"connections": 3, "by": "trimtab", "order": "youngest", "reason": "busy", "of a newer version": 1}`)
		if want := (ShedAnswer{Asked: 3, Open: 10, Movable: 7}); code != 200 || answer != want {
			t.Errorf("%d, %+v, want %+v", code, answer, want)
		}
		for range 3 {
			if got, want := <-reasons, (Reason{By: "trimtab", Text: "busy"}); got != want {
				t.Errorf("reason %+v, want %+v", got, want)
			}
		}
		if code, answer := shed(`{"connections": 6}`); code != 200 || answer.Asked != 2 || !answer.Limited {
			t.Errorf("%d, %+v, want what is left of 5 a second", code, answer)
		}
		if code, answer = shed(`{"connections": 6}`); code != http.StatusTooManyRequests || answer.Asked != 0 || !answer.Limited {
			t.Errorf("%d, %+v, want 429", code, answer)
		}
		r.Close()
		if w := post(h, "/shed", secret, `{"connections": 1}`); w.Code != http.StatusServiceUnavailable {
			t.Errorf("closed: status %d", w.Code)
		}
		if strings.Contains(log.String(), secret) {
			t.Errorf("the token is logged:\n%s", log.String())
		}
	})
}

func TestDrainHooks(t *testing.T) {
	r := reporter(t, Options{})
	h := Endpoints{Load: r, Drain: r, Token: token}.Handler()
	for _, test := range []struct {
		path string
		want bool
	}{{"/drain", true}, {"/drain", true}, {"/undrain", false}} {
		if w := post(h, test.path, secret, ""); w.Code != 200 || r.Load().Draining != test.want {
			t.Errorf("%s: status %d, draining %t", test.path, w.Code, r.Load().Draining)
		}
	}
}

func FuzzDecodeShed(f *testing.F) {
	for _, seed := range []string{
		`{"connections": 3, "by": "trimtab", "order": "oldest", "reason": "busy"}`,
		`{"connections": 1e99}`, `{"connections": 1, "reason": "\u0000"}`, `{"connections":1}{`, `[]`, ``,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		request, err := decodeShed(strings.NewReader(body))
		if err != nil {
			return
		}
		if request.Connections < 1 || len(request.Reason) > 1000 || strings.ContainsAny(request.Reason+request.By, "\r\n\x00") {
			t.Errorf("%q: %+v", body, request)
		}
	})
}
