package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
)

func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func blocks(t *testing.T, language string) []string {
	t.Helper()
	out := codeBlocks(readme(t), language)
	if len(out) == 0 {
		t.Fatalf("no %s in the README", language)
	}
	return out
}

func TestReadmeConfigurationsAreValid(t *testing.T) {
	for i, block := range blocks(t, "yaml") {
		path := filepath.Join(t.TempDir(), "trimtab.yaml")
		write(t, path, block)
		if code, _, errs := call(t, "check", "--config", path); code != exitFine {
			t.Errorf("configuration %d: %s", i+1, errs)
		}
	}
}

// Every trimtab command of the README is run, on a real HAProxy.
func TestReadmeCommandsRun(t *testing.T) {
	t.Parallel()
	in := proxy(t, twoPools)
	yaml := strings.ReplaceAll(blocks(t, "yaml")[0], "/run/haproxy/admin.sock", in.Socket())
	r := start(t, yaml[strings.Index(yaml, "pools:\n")+len("pools:\n"):])
	r.until(t, "steering", steering)
	recording := filepath.Join(t.TempDir(), "web.jsonl")
	ran := 0
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			command, _, _ := strings.Cut(line, "#")
			args := words(command)
			if len(args) == 0 || args[0] != "trimtab" {
				continue
			}
			ran++
			switch args[1] {
			case "run", "agent": // run by start, and by TestReadmeAgentsRun
				continue
			case "status", "drain", "undrain", "pin", "freeze", "dry-run", "events", "record", "advise":
				args = append(args, "--addr", r.addr)
			case "attach":
				if args[len(args)-1] == "--apply" {
					args = args[:len(args)-1] // TestWebSocketsMoveNoWeight and the demo apply
				}
				args = append(args, "--watch", "2s")
			}
			names := strings.NewReplacer("/run/haproxy/admin.sock", in.Socket(), "trimtab.yaml", r.config,
				"web.jsonl", recording, "60s", "2s")
			for i := range args {
				args[i] = names.Replace(args[i])
			}
			if code, _, errs := call(t, args[1:]...); code != exitFine {
				t.Errorf("%s: exit code %d: %s", line, code, errs)
			}
		}
	}
	if ran < 14 {
		t.Errorf("%d commands of the README were run", ran)
	}
}

// words splits a command as a shell does, as far as the README needs it.
func words(command string) []string {
	var out []string
	for i, part := range strings.Split(command, `"`) {
		if i%2 == 1 {
			out = append(out, part)
		} else {
			out = append(out, strings.Fields(part)...)
		}
	}
	return out
}

func TestReadmeListsEveryMetric(t *testing.T) {
	text := readme(t)
	for _, m := range web.MetricsDoc() {
		if row := fmt.Sprintf("| `%s` | %s | %s |", m.Name, m.Type, m.Help); !strings.Contains(text, row) {
			t.Errorf("the README lacks\n%s", row)
		}
	}
}
