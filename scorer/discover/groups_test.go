package discover

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestParse(t *testing.T) {
	want := []scorer.Backend{
		{Name: "10.0.0.3:8080", Address: "10.0.0.3:8080", Capacity: 2},
		{Name: "10.0.0.4:9090", Address: "10.0.0.4:9090", Capacity: 2},
		{Name: "[2001:db8::1]:8080", Address: "[2001:db8::1]:8080", Capacity: 2},
		{Name: "web1", Address: "web1.example.test:80", Capacity: 8},
	}
	for name, text := range map[string]string{
		"JSON": `[
  {"targets": ["web1.example.test:80"], "labels": {"name": "web1", "capacity": "8", "env": "prod"}},
  {"targets": ["10.0.0.4:9090", "10.0.0.3", "2001:db8::1"], "labels": {"capacity": "7", "__meta_trimtab_capacity": "2", "port": "8080"}},
  {"targets": []}
]`,
		"YAML": `
- targets: ['web1.example.test:80']
  labels: {name: web1, capacity: '8', job: web}
- targets:
  - 10.0.0.4:9090
  - 10.0.0.3
  - "[2001:db8::1]"
  labels:
    port: "8080"
    __meta_trimtab_capacity: "2"
`,
	} {
		got, err := Parse([]byte(text), name == "JSON")
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestParseSaysWhatIsWrong(t *testing.T) {
	for text, says := range map[string]string{
		``:                                     "not target groups as JSON",
		`{}`:                                   "not target groups as JSON",
		`[]`:                                   "there is no target in it",
		`[{"targets": ["a:1"], "lables": {}}]`: "lables",
		`[{"targets": ["a:1"]}] x`:             "something follows",
		`[{"targets": ["a:1"]}, {"targets": ["10.0.0.1"]}]`:                                   `group 2: target "10.0.0.1": want host:port`,
		`[{"targets": ["a:0"]}]`:                                                              `"0" is not a port`,
		`[{"targets": [":80"]}]`:                                                              "want host:port",
		`[{"targets": ["a b:80"]}]`:                                                           "want host:port",
		`[{"targets": ["a"], "labels": {"port": "http"}}]`:                                    `"http" is not a port`,
		`[{"targets": ["a:1"], "labels": {"capacity": "0"}}]`:                                 "label capacity",
		`[{"targets": ["a:1"], "labels": {"capacity": "Inf"}}]`:                               "label capacity",
		`[{"targets": ["a:1"], "labels": {"name": "web 1"}}]`:                                 "is not a name",
		`[{"targets": ["a:1", "b:1"], "labels": {"name": "web1"}}]`:                           "give each a group of its own",
		`[{"targets": ["a:1"]}, {"targets": ["a:1"]}]`:                                        `two targets are named "a:1"`,
		`[{"targets": ["a:1"], "labels": {"name": "x"}}, {"targets": ["x"], "labels": null}]`: "want host:port",
	} {
		if got, err := Parse([]byte(text), true); err == nil || !strings.Contains(err.Error(), says) || got != nil {
			t.Errorf("%s: %v, error %v, want one that says %q", text, got, err, says)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`[{"targets": ["10.0.0.1:80", "a"], "labels": {"port": "1", "capacity": "2"}}]`), true)
	f.Add([]byte("- targets: ['10.0.0.1:80']\n  labels: {name: web1}\n"), false)
	f.Add([]byte("- &a {targets: [*a]}"), false)
	f.Add([]byte("[{\"targets\":[\"[::1]:1\"]}]"), true)
	f.Fuzz(func(t *testing.T, data []byte, isJSON bool) {
		list, err := Parse(data, isJSON)
		if (err == nil) != (len(list) > 0) {
			t.Fatalf("%d backends, error %v", len(list), err)
		}
		for i, b := range list {
			if b.Name == "" || b.Address == "" || !(b.Capacity > 0) || i > 0 && b.Name <= list[i-1].Name {
				t.Errorf("%+v", b)
			}
		}
	})
}
