package scenario

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// namedFiles are the repository's scenario files by path.
func namedFiles(t testing.TB) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "scenarios*", "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string][]byte, len(paths))
	for _, path := range paths {
		if out[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	if len(out) < 30 {
		t.Fatalf("only %d scenario files", len(out))
	}
	return out
}

func TestScenarioFiles(t *testing.T) {
	for path, text := range namedFiles(t) {
		name := strings.TrimSuffix(filepath.Base(path), ".yaml")
		t.Run(name, func(t *testing.T) {
			f, err := Parse(path, text)
			if err != nil {
				t.Fatal(err)
			}
			if f.Name != name {
				t.Errorf("is named %q", f.Name)
			}
			if text[0] != '#' {
				t.Error("does not begin with a comment that says what it is for")
			}
			if n := f.Expected(); n < 1000 || n > 1_500_000 {
				t.Errorf("%.0f requests: too few to judge by, or too many to be quick", n)
			}
			again(t, f)
		})
	}
}

// again checks that f can be written and read again.
func again(t interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
}, f File,
) {
	t.Helper()
	text, err := Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Parse("again.yaml", text)
	if diff := cmp.Diff(f, got); err != nil || diff != "" {
		t.Errorf("%v; -first +again:\n%s\n%s", err, diff, text)
	}
}

func TestMarshal(t *testing.T) {
	f, err := Parse("least.yaml", []byte(least))
	if err != nil {
		t.Fatal(err)
	}
	f.Name = "5"
	f.Traffic[0].Requests.Profile = []Point{{Factor: 1, DemandFactor: 1}, {At: 1e9, Factor: 0.5, DemandFactor: 1}}
	got, err := Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	const want = `name: '5'
duration: 10s
warmup: 60s
proxies: 1
proxy: {kind: haproxy, balance: leastconn}
backends:
  - {name: a, cores: 1}
traffic:
  - kind: requests
    rate: 5/s
    profile:
      - {at: 0s, factor: 1}
      - {at: 1s, factor: 0.5}
    demand: 1ms
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range namedFiles(f) {
		f.Add(text)
	}
	f.Add([]byte(everything))
	for _, bad := range badFiles {
		f.Add(changed(bad.old, bad.new))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("fuzz.yaml", text)
		if err != nil {
			return
		}
		again(t, file)
		file.Timelines()
	})
}
