package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestScenario(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := write("good.yaml", `
name: good
duration: 10s
backends: [{name: a, cores: 1}]
traffic: [{kind: requests, rate: 5/s, demand: 1ms}]
`)
	bad := write("bad.yaml", "name: bad\nduration: 10\n")
	for _, test := range []struct {
		name      string
		args      []string
		code      int
		out, errs string
	}{
		{"good", []string{"check", good}, exitFine, good + ": OK\n", ""},
		{"bad and good", []string{"check", bad, good}, exitFailed, good + ": OK\n", bad + ":2:11: duration"},
		{"absent", []string{"check", filepath.Join(dir, "absent.yaml")}, exitFailed, "", "absent.yaml"},
		{"a directory", []string{"check", dir}, exitFailed, "", dir},
		{"no file", []string{"check"}, exitUsage, "", "<file>"},
		{"no command", nil, exitUsage, "", "schema"},
		{"draw", []string{"draw", "--seed", "7"}, exitFine, "name: drawn-7\n", ""},
		{"schema", []string{"schema"}, exitFine, `"$schema": "https://json-schema.org/draft/2020-12/schema"`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			code, out, errs := called(t, t.Context(), append([]string{"scenario"}, test.args...)...)
			if code != test.code || !strings.Contains(out, test.out) || !strings.Contains(errs, test.errs) {
				t.Errorf("exit code %d, want %d with %q and %q; it said:\n%s%s", code, test.code, test.out, test.errs, out, errs)
			}
		})
	}
}

func TestScenarioSchemaIsJSON(t *testing.T) {
	_, out, errs := called(t, t.Context(), "scenario", "schema")
	if !json.Valid([]byte(out)) {
		t.Errorf("not JSON:\n%s%s", out, errs)
	}
}

// TestReadmeScenarioPasses checks what the README shows; other YAML there is of
// the daemon.
func TestReadmeScenarioPasses(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "```yml\n")
	block, _, ended := strings.Cut(rest, "```")
	if !found || !ended {
		t.Fatal("no scenario in the README")
	}
	path := filepath.Join(t.TempDir(), "readme.yaml")
	if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := called(t, t.Context(), "scenario", "check", path); code != exitFine {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

func TestDrawnScenarioPasses(t *testing.T) {
	_, out, _ := called(t, t.Context(), "scenario", "draw")
	path := filepath.Join(t.TempDir(), "drawn.yaml")
	if err := os.WriteFile(path, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := called(t, t.Context(), "scenario", "check", path); code != exitFine {
		t.Errorf("exit code %d: %s", code, errs)
	}
}
