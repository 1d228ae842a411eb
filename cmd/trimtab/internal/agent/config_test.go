package agent

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer/source"
)

func TestParseMetrics(t *testing.T) {
	got, err := ParseMetrics([]string{`requests=http_requests_total{code!="499"}`, `errors=http_requests_total{code=~"5..",path!="/x,y"}`, "queue=jobs_waiting"})
	want := source.Metrics{
		Requests: `http_requests_total{code!="499"}`, Errors: `http_requests_total{code=~"5..",path!="/x,y"}`,
		Named: map[string]string{"queue": "jobs_waiting"},
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	for _, pairs := range [][]string{{"requests"}, {"=x"}, {"cpu="}, {"cpu=a b"}, {"cpu=x", "cpu=y"}, {"queue=x", "queue=y"}, {`cpu=x{a="`}} {
		if _, err := ParseMetrics(pairs); err == nil {
			t.Errorf("%q is taken", pairs)
		}
	}
}

func FuzzParseMetrics(f *testing.F) {
	for _, seed := range []string{`errors=http_requests_total{code=~"5.."}`, "cpu=x", "a==b", "=", `queue=x{a="\""}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, pair string) {
		m, err := ParseMetrics([]string{pair})
		if err != nil {
			return
		}
		// What is taken is what a page can be read with.
		if _, err := source.NewPrometheus(source.Options{URL: "http://localhost/metrics"}, m); err != nil {
			t.Errorf("%q: %v", pair, err)
		}
	})
}

func TestConfigCheck(t *testing.T) {
	for _, test := range []struct {
		name   string
		config Config
		says   string
	}{
		{"nowhere", Config{}, "nothing to serve"},
		{"a port", Config{ListenHTTP: ":0", Port: 70000}, "--port 70000"},
		{"hooks nowhere", Config{ListenORCA: ":0", TokenFile: "t"}, "want --listen-http"},
		{"anybody may shed", Config{ListenHTTP: ":0", ShedURL: "http://a/shed"}, "want --token-file"},
		{"no URL", Config{ListenHTTP: ":0", TokenFile: "t", ShedURL: "a/shed"}, "http or https"},
		{"a token for nobody", Config{ListenHTTP: ":0", ShedTokenFile: "t"}, "want --shed-url"},
		{"half a certificate", Config{ListenHTTP: ":0", TLSCert: "c"}, "--tls-key"},
		{"a certificate for nobody", Config{ListenORCA: ":0", TLSCert: "c", TLSKey: "k"}, "want --listen-http"},
		{"a window", Config{ListenHTTP: ":0", Window: -1}, "--window"},
		{"all of it", Config{ListenHTTP: ":0", TokenFile: "t", ShedURL: "http://a/shed", ShedTokenFile: "t", Port: 80}, ""},
	} {
		err := test.config.Check()
		if (err == nil) != (test.says == "") || (err != nil && !strings.Contains(err.Error(), test.says)) {
			t.Errorf("%s: %v, want %q", test.name, err, test.says)
		}
	}
}
