package realrun

import (
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const goodStatus = `{"version":"1","pools":[{"name":"other","backends":[]},
	{"name":"pool","backends":[{"name":"a","weight":1,"weight_now":1.5},{"name":"b","weight":1,"weight_now":null}]}]}`

func TestReadsSharesFromTheStatus(t *testing.T) {
	for name, test := range map[string]struct {
		code int
		body string
		want map[string]float64
		says string
	}{
		"good":    {200, goodStatus, map[string]float64{"a": 1.5}, ""},
		"no pool": {200, `{"pools":[]}`, nil, "no pool"},
		"no JSON": {200, "hello", nil, "trimtab's status"},
		"refused": {403, goodStatus, nil, "403"},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api/v1/status" {
					t.Errorf("asked for %s", r.URL)
				}
				w.WriteHeader(test.code)
				_, _ = w.Write([]byte(test.body))
			}))
			defer server.Close()
			program := trimtab{config: config{admin: strings.TrimPrefix(server.URL, "http://")}}
			got, err := program.shares(t.Context())
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if (err == nil) != (test.says == "") || err != nil && !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %v does not say %q", err, test.says)
			}
		})
	}
}

func FuzzParseShares(f *testing.F) {
	for _, seed := range []string{goodStatus, "", "{}", `{"pools":[{"name":"pool","backends":[{"weight_now":1e999}]}]}`, `{"pools":null}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		shares, err := parseShares(strings.NewReader(text))
		if (shares == nil) != (err != nil) {
			t.Fatalf("%v, error %v", shares, err)
		}
		for name, s := range shares {
			if math.IsNaN(s) || math.IsInf(s, 0) {
				t.Errorf("%q has %v", name, s)
			}
		}
	})
}
