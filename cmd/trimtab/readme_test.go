package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
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
	var out []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(readme(t), -1) {
		out = append(out, m[1])
	}
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
	in := proxy(t, twoPools)
	yaml := strings.ReplaceAll(blocks(t, "yaml")[0], "/run/haproxy/admin.sock", in.Socket())
	r := start(t, yaml[strings.Index(yaml, "pools:\n")+len("pools:\n"):])
	ran := 0
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(block) {
			command, _, _ := strings.Cut(line, "#")
			args := strings.Fields(command)
			if len(args) == 0 || args[0] != "trimtab" {
				continue
			}
			ran++
			switch args[1] {
			case "run": // runs already, by start
				continue
			case "status":
				args = append(args, "--addr", r.addr)
			case "attach":
				if args[len(args)-1] == "--apply" {
					args = args[:len(args)-1] // TestWebSocketsMoveNoWeight and the demo apply
				}
				args = append(args, "--watch", "2s")
			}
			line := strings.NewReplacer("/run/haproxy/admin.sock", in.Socket(), "trimtab.yaml", r.config).Replace(strings.Join(args[1:], " "))
			if code, _, errs := call(t, strings.Fields(line)...); code != exitFine {
				t.Errorf("%s: exit code %d: %s", line, code, errs)
			}
		}
	}
	if ran < 5 {
		t.Errorf("%d commands of the README were run", ran)
	}
}

func TestReadmeListsEveryMetric(t *testing.T) {
	text := readme(t)
	for _, m := range web.MetricsDoc() {
		if row := fmt.Sprintf("| `%s` | %s | %s |", m.Name, m.Type, m.Help); !strings.Contains(text, row) {
			t.Errorf("the README lacks\n%s", row)
		}
	}
}
