package config

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the expected results")

const testdata = "../../../../testdata/config"

// TestGolden parses every file: good-*.yaml have the effective configuration
// beside them, bad-*.yaml the whole error.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testdata, "*.yaml"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no test data in %s: %v", testdata, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(filepath.Base(file), data)
			if good := strings.HasPrefix(filepath.Base(file), "good-"); good != (err == nil) {
				t.Fatalf("Parse: error %v, want good = %v", err, good)
			}
			if err != nil {
				golden(t, strings.TrimSuffix(file, ".yaml")+".err", err.Error()+"\n")
				return
			}
			golden(t, strings.TrimSuffix(file, ".yaml")+".effective", string(c.Effective()))
			again, err := Parse("effective.yaml", c.Effective())
			if err != nil {
				t.Fatalf("the effective configuration does not parse:\n%v", err)
			}
			if again.Hash() != c.Hash() {
				t.Errorf("the effective configuration parses to something else:\n%s", again.Effective())
			}
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", filepath.Base(file), diff)
	}
}
