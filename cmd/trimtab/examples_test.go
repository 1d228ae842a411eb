package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

const examples = "../../examples"

// exampleFiles are the files of that name in all examples.
func exampleFiles(t *testing.T, name string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(examples, "*", name))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s in any example: %v", name, err)
	}
	return files
}

func exampleText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(examples, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// codeBlocks are the blocks of a text that are marked as of that language.
func codeBlocks(text, language string) []string {
	var out []string
	for _, m := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		out = append(out, m[1])
	}
	return out
}

func TestEveryExampleSaysHowToUseIt(t *testing.T) {
	directories, err := filepath.Glob(filepath.Join(examples, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if readmes := exampleFiles(t, "README.md"); len(readmes) != len(directories) {
		t.Errorf("%d READMEs in %d examples", len(readmes), len(directories))
	}
	for _, readme := range exampleFiles(t, "README.md") {
		text, err := os.ReadFile(readme)
		if err != nil {
			t.Fatal(err)
		}
		if len(codeBlocks(string(text), "sh")) == 0 {
			t.Errorf("%s has no command", readme)
		}
	}
}

func TestExampleConfigurationsAreValid(t *testing.T) {
	for _, file := range exampleFiles(t, "trimtab.yaml") {
		if code, _, errs := call(t, "check", "--config", file); code != exitFine {
			t.Errorf("%s: %s", file, errs)
		}
	}
	for _, file := range exampleFiles(t, "README.md") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range codeBlocks(string(text), "yaml") {
			if !strings.HasPrefix(block, "admin:") {
				continue // a part of a compose file
			}
			path := filepath.Join(t.TempDir(), "trimtab.yaml")
			write(t, path, block+"pools: [{name: web, from: haproxy, targets: [haproxy: {socket: /s}]}]\n")
			if code, _, errs := call(t, "check", "--config", path); code != exitFine {
				t.Errorf("%s: %s\n%s", file, errs, block)
			}
		}
	}
}

func TestExampleProxiesAreValid(t *testing.T) {
	haproxy, err := instance.Find()
	if err != nil {
		needed(t, err.Error())
	}
	for _, file := range exampleFiles(t, "haproxy.cfg") {
		out, err := exec.CommandContext(t.Context(), haproxy, "-c", "-f", file).CombinedOutput()
		if err != nil {
			t.Errorf("haproxy -c -f %s: %v\n%s", file, err, out)
		}
	}
}

// needed skips a test for want of a program, and fails it in CI.
func needed(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// stage is a file system of its own for the commands of a README: what they
// install goes there, and trimtab is the one of this source.
type stage struct {
	root    string
	replace *strings.Replacer
	ran     int
}

// newStage replaces, besides the directories of the system, what pairs say.
func newStage(t *testing.T, pairs ...string) *stage {
	t.Helper()
	root := t.TempDir()
	for _, directory := range []string{"bin", "etc/systemd/system", "usr/local/bin"} {
		if err := os.MkdirAll(filepath.Join(root, directory), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	source, err := filepath.Abs(examples)
	if err != nil {
		t.Fatal(err)
	}
	for from, to := range map[string]string{binary(t): "bin/trimtab", source: "examples"} {
		if err := os.Symlink(from, filepath.Join(root, to)); err != nil {
			t.Fatal(err)
		}
	}
	pairs = append(pairs, "sudo ", "", " /etc/", " "+root+"/etc/", " /usr/local/", " "+root+"/usr/local/")
	return &stage{root: root, replace: strings.NewReplacer(pairs...)}
}

// run runs the lines of a README, in order and below the stage's root, but for
// those whose first word is in skip: they need what no test has, or what it has
// brought up already.
func (s *stage) run(t *testing.T, text, directory string, skip ...string) {
	t.Helper()
	for _, block := range codeBlocks(text, "sh") {
	lines:
		for line := range strings.Lines(block) {
			line = strings.TrimSpace(line)
			command := strings.TrimPrefix(line, "sudo ")
			for _, prefix := range skip {
				if strings.HasPrefix(command, prefix) {
					continue lines
				}
			}
			shell := exec.CommandContext(t.Context(), "sh", "-c", s.replace.Replace(line))
			shell.Dir = filepath.Join(s.root, directory)
			shell.Env = append(os.Environ(), "PATH="+filepath.Join(s.root, "bin")+":"+os.Getenv("PATH")+":/usr/sbin")
			if out, err := shell.CombinedOutput(); err != nil {
				t.Errorf("%s: %v\n%s", line, err, out)
			}
			s.ran++
		}
	}
}
