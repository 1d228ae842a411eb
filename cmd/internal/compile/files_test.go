package compile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// parsed reads a scenario.
func parsed(t testing.TB, text string) scenario.File {
	t.Helper()
	f, err := scenario.Parse("test.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// files are those of the repository.
func files(t testing.TB) []scenario.File {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("..", "..", "..", "testdata", "scenarios", "*.yaml"))
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d scenario files, error %v", len(paths), err)
	}
	var out []scenario.File
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, parsed(t, string(text)))
	}
	return out
}

// all are those of the repository and some drawn at random.
func all(t testing.TB) []scenario.File {
	t.Helper()
	out := files(t)
	for seed := range uint64(20) {
		out = append(out, scenario.Draw(seed))
	}
	return out
}

// minimal is a scenario with these backends and this more.
func minimal(t testing.TB, backends, more string) scenario.File {
	t.Helper()
	return parsed(t, fmt.Sprintf(`
name: test
duration: 60s
warmup: 20s
backends: [%s]
traffic: [{kind: requests, utilization: 0.5, demand: {exp: 20ms}}]
%s
`, backends, more))
}
