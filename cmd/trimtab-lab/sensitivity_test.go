package main

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

func TestSensitivity(t *testing.T) {
	dir := written(t, map[string]string{"small.yaml": small, "bad.yml": "name: bad\nduration: 10\n"})
	good := filepath.Join(dir, "small.yaml")
	for _, test := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"nothing", nil, exitUsage, []string{"--scenario"}},
		{"seeds", []string{"--scenario", good, "--seeds", "0"}, exitUsage, []string{"--seeds 0"}},
		{"constant", []string{"--scenario", good, "--constants", "Leak,Luck"}, exitUsage, []string{"--constants Luck", "LatencyDrift"}},
		{"constant twice", []string{"--scenario", good, "--constants", "Leak,Leak"}, exitUsage, []string{"each once"}},
		{"proxy", []string{"--scenario", good, "--proxies", "nginx"}, exitUsage, []string{"--proxies nginx"}},
		{"all that is wrong", []string{"--scenario", dir}, exitFailed, []string{"bad.yml:2:11: duration"}},
		{
			"good",
			[]string{"--scenario", good, "--seeds", "2", "--constants", "FirstDeviation,Leak", "--proxies", "own,haproxy/random(2)"},
			exitFine,
			[]string{"2 constants halved and doubled in 4 rows", "FirstDeviation  0.3", "small haproxy/"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := called(t, t.Context(), append([]string{"sensitivity"}, test.args...)...)
			if code != test.code {
				t.Errorf("exit code %d, want %d; it said:\n%s%s", code, test.code, out, errs)
			}
			for _, want := range test.says {
				if !strings.Contains(out+errs, want) {
					t.Errorf("%q is not in:\n%s%s", want, out, errs)
				}
			}
		})
	}
}

func TestSensitivityJSON(t *testing.T) {
	dir := written(t, map[string]string{"small.yaml": small})
	code, out, errs := called(t, t.Context(), "sensitivity", "--scenario", dir, "--seeds", "1", "--constants", "FirstDeviation", "-o", "json")
	if code != exitFine {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var got []struct {
		Constant string
		Factor   float64
		Rows     []struct{ Scenario, Policy string }
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v in:\n%s", err, out)
	}
	if len(got) != 2 || got[0].Constant != "FirstDeviation" || got[0].Factor != 0.5 || len(got[0].Rows) == 0 || got[0].Rows[0].Scenario != "small" {
		t.Errorf("%+v", got)
	}
}
