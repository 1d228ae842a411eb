package agent

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/scorer/report"
)

func TestForward(t *testing.T) {
	request := report.ShedRequest{Connections: 3, Order: report.Youngest, By: "trimtab", Reason: "busy"}
	for _, test := range []struct {
		name  string
		app   http.HandlerFunc
		token string
		want  report.ShedAnswer
		says  string
	}{
		{"asked", func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if want := `{"connections":3,"order":"youngest","by":"trimtab","reason":"busy"}`; string(body) != want || r.Header.Get("Authorization") != "Bearer t" {
				http.Error(w, string(body), http.StatusTeapot)
				return
			}
			fmt.Fprint(w, `{"asked": 3, "open": 9, "movable": 6}`)
		}, "t", report.ShedAnswer{Asked: 3, Open: 9, Movable: 6}, ""},
		{"limited", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusTooManyRequests)
			fmt.Fprintf(w, `{"asked": %d, "limited": true}`, len(r.Header.Get("Authorization")))
		}, "", report.ShedAnswer{Limited: true}, ""},
		{"it has none", http.NotFound, "", report.ShedAnswer{}, "status 404"},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/b", http.StatusFound) }, "", report.ShedAnswer{}, "status 302"},
		{"no answer", func(http.ResponseWriter, *http.Request) {}, "", report.ShedAnswer{}, "its answer is none"},
		{"no token", nil, "two\nlines", report.ShedAnswer{}, "must hold one line"},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := httptest.NewServer(test.app)
			defer server.Close()
			tokenFile := ""
			if test.token != "" {
				tokenFile = filepath.Join(t.TempDir(), "token")
				if err := os.WriteFile(tokenFile, []byte(test.token), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			f := newForwarder(server.URL, tokenFile)
			defer f.client.CloseIdleConnections()
			got, err := f.Shed(t.Context(), request)
			if got != test.want || (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) {
				t.Errorf("%+v, %v, want %+v and %q", got, err, test.want, test.says)
			}
		})
	}
	f := newForwarder("http://user:secret@127.0.0.1:1/shed", "")
	if _, err := f.Shed(t.Context(), request); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("nobody there: %v", err)
	}
}
