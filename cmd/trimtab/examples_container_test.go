package main

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

// instruction is one of a Containerfile, comments and continued lines resolved.
type instruction struct{ name, rest string }

func instructions(text string) []instruction {
	text = regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(text, "")
	text = regexp.MustCompile(`\\\n\s*`).ReplaceAllString(text, "")
	var out []instruction
	for line := range strings.Lines(text) {
		if name, rest, found := strings.Cut(strings.TrimSpace(line), " "); found {
			out = append(out, instruction{name, strings.TrimSpace(rest)})
		}
	}
	return out
}

// image is what a Containerfile's last stage says.
type image struct {
	from, user               string
	entrypoint, cmd, healthy []string
	build                    string
	copies                   []copied
}

type copied struct{ owner, from, to string }

func readImage(t *testing.T) image {
	t.Helper()
	words := func(list string) (out []string) {
		if err := json.Unmarshal([]byte(list), &out); err != nil {
			t.Errorf("%s is not in the form that needs no shell: %v", list, err)
		}
		return out
	}
	var im image
	for _, in := range instructions(exampleText(t, "container/Containerfile")) {
		switch in.name {
		case "FROM":
			im.from, im.copies = in.rest, nil
		case "USER":
			im.user = in.rest
		case "ENTRYPOINT":
			im.entrypoint = words(in.rest)
		case "CMD":
			im.cmd = words(in.rest)
		case "HEALTHCHECK":
			im.healthy = words(in.rest[strings.Index(in.rest, "["):])
		case "RUN":
			im.build = regexp.MustCompile(`--mount=\S+ *`).ReplaceAllString(in.rest, "")
		case "COPY":
			fields := regexp.MustCompile(`^(?:--from=build )?(?:--chown=(\S+) )?(\S+) (\S+)$`).FindStringSubmatch(in.rest)
			if fields == nil {
				t.Fatalf("COPY %s is not understood by this test", in.rest)
			}
			im.copies = append(im.copies, copied{fields[1], fields[2], fields[3]})
		case "ARG", "WORKDIR", "ENV":
		default:
			t.Errorf("%s is not understood by this test", in.name)
		}
	}
	return im
}

// lay lays the image's files below root: what the build line makes, and what is
// copied from the source.
func (im image) lay(t *testing.T, root string) {
	t.Helper()
	out := t.TempDir()
	line := strings.NewReplacer("/out/", out+"/", "${VERSION}", "1.2.3").Replace(im.build)
	build := exec.CommandContext(t.Context(), "sh", "-c", line)
	build.Dir = filepath.Join("..", "..")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, text)
	}
	for _, c := range im.copies {
		from, to := filepath.Join(build.Dir, c.from), filepath.Join(root, c.to)
		if made, found := strings.CutPrefix(c.from, "/out/"); found {
			from = filepath.Join(out, made)
		} else if filepath.IsAbs(c.from) {
			continue // the build image's own
		}
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			t.Fatal(err)
		}
		if text, err := exec.CommandContext(t.Context(), "cp", "-R", from, to).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		if c.owner != "" && os.Getuid() == 0 {
			if text, err := exec.CommandContext(t.Context(), "chown", "-R", c.owner, to).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, text)
			}
		}
	}
}

// The image's files alone, as its user, in a root directory with nothing else.
func TestContainerImageIsComplete(t *testing.T) {
	im := readImage(t)
	if im.from != "scratch" || im.user != "65532:65532" {
		t.Errorf("the image is made from %q and runs as %q", im.from, im.user)
	}
	root := t.TempDir()
	im.lay(t, root)
	program := filepath.Join(root, "usr/local/bin/trimtab")
	file, err := elf.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
		t.Error("the program needs a loader, which an image from scratch has not")
	}
	if os.Getuid() != 0 {
		t.Skip("only root can run it in a root directory of its own")
	}
	in := proxy(t, strings.Replace(twoPools, "level admin", "mode 660 gid 99 level admin", 1))
	const socket = "/run/haproxy/admin.sock"
	lend(t, in.Socket(), root)
	address := freePort(t)
	config := filepath.Join(root, "etc/trimtab/trimtab.yaml")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(text), socket) {
		t.Errorf("the configuration has another socket than %s", socket)
	}
	// The address is the machine's, and others may use it.
	if err := os.WriteFile(config, bytes.ReplaceAll(text, []byte("127.0.0.1:9902"), []byte(address)), 0o644); err != nil {
		t.Fatal(err)
	}
	command := func(args ...string) *exec.Cmd {
		if args[0] != "trimtab" {
			t.Errorf("%q is not in the image", args[0])
		}
		c := exec.Command("/usr/local/bin/trimtab", args[1:]...)
		c.Dir, c.Env = "/", []string{"PATH=/usr/local/bin"}
		c.SysProcAttr = &syscall.SysProcAttr{
			Chroot:     root,
			Credential: &syscall.Credential{Uid: 65532, Gid: 65532, Groups: []uint32{haproxyGroup(t)}},
		}
		return c
	}
	r := &running{addr: address, log: &lockedBuffer{}}
	trimtab := command(append(im.entrypoint, im.cmd...)...)
	trimtab.Stderr = r.log
	wait := tied(t, trimtab)
	t.Cleanup(func() {
		_ = trimtab.Process.Signal(syscall.SIGTERM)
		if err := wait(); err != nil {
			t.Errorf("%v\n%s", err, r.log)
		}
	})
	r.until(t, "steering from its container", func(d status.Document) bool {
		return len(d.Pools) == 1 && d.Pools[0].Tick > 0 && len(d.Pools[0].Backends) == 2 && d.Pools[0].Targets[0].InSync
	})
	healthy := command(append(im.healthy, "--addr", address)...)
	if out, err := healthy.CombinedOutput(); err != nil || !strings.Contains(string(out), "s2") {
		t.Errorf("health check: %v\n%s", err, out)
	}
}

// lend makes HAProxy's socket appear where the shared volume would have it,
// with the volume's owner and mode.
func lend(t *testing.T, socket, root string) {
	t.Helper()
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	volume := filepath.Join(root, "run/haproxy")
	if err := os.MkdirAll(volume, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(socket, filepath.Join(volume, "admin.sock")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(volume, 99, 99); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(volume, 0o750); err != nil {
		t.Fatal(err)
	}
}

type composeFile struct {
	Services map[string]struct {
		Image     string
		Build     struct{ Context, Dockerfile string }
		Volumes   []string
		GroupAdd  []string                `yaml:"group_add"`
		ReadOnly  bool                    `yaml:"read_only"`
		CapDrop   []string                `yaml:"cap_drop"`
		DependsOn []string                `yaml:"depends_on"`
		Health    struct{ Test []string } `yaml:"healthcheck"`
	}
	Volumes map[string]struct {
		DriverOpts map[string]string `yaml:"driver_opts"`
	}
}

func compose(t *testing.T) composeFile {
	t.Helper()
	var c composeFile
	if err := yaml.Unmarshal([]byte(exampleText(t, "container/compose.yaml")), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// haproxyGroup is the group that trimtab's container is put into.
func haproxyGroup(t *testing.T) uint32 {
	t.Helper()
	groups := compose(t).Services["trimtab"].GroupAdd
	if len(groups) != 1 {
		t.Fatalf("groups %q, want HAProxy's", groups)
	}
	gid, err := strconv.ParseUint(groups[0], 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(gid)
}

func TestComposeFileAgreesWithTheRest(t *testing.T) {
	c := compose(t)
	trimtab, haproxy := c.Services["trimtab"], c.Services["haproxy"]
	if want := fmt.Sprintf("gid=%d,", haproxyGroup(t)); !strings.Contains(c.Volumes["haproxy-socket"].DriverOpts["o"], want) {
		t.Errorf("the volume %v is not of trimtab's group", c.Volumes["haproxy-socket"])
	}
	if !trimtab.ReadOnly || !slices.Contains(trimtab.CapDrop, "ALL") || !slices.Contains(trimtab.DependsOn, "haproxy") {
		t.Errorf("trimtab's container %+v", trimtab)
	}
	if want := append([]string{"CMD"}, readImage(t).healthy...); !slices.Equal(trimtab.Health.Test, want) {
		t.Errorf("health check %q, want the image's %q", trimtab.Health.Test, want)
	}
	if _, err := os.Stat(filepath.Join(examples, "container", trimtab.Build.Context, trimtab.Build.Dockerfile)); err != nil {
		t.Error(err)
	}
	for name, service := range c.Services {
		for _, volume := range service.Volumes {
			source, target, _ := strings.Cut(volume, ":")
			if _, named := c.Volumes[source]; named {
				if target = strings.TrimSuffix(target, ":ro"); source == "haproxy-socket" && target != "/run/haproxy" {
					t.Errorf("%s has the socket in %s", name, target)
				}
			} else if _, err := os.Stat(filepath.Join(examples, "container", source)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	// Every server of the proxy is a service, and the Go version is this module's.
	for _, server := range regexp.MustCompile(`(?m)^\s+server \S+ (\w+):`).FindAllStringSubmatch(exampleText(t, "container/haproxy.cfg"), -1) {
		if c.Services[server[1]].Image == "" {
			t.Errorf("no service %s", server[1])
		}
	}
	if haproxy.Image == "" {
		t.Error("no HAProxy")
	}
	module, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(module)[1]
	if want := "ARG GO_VERSION=" + string(version); !strings.Contains(exampleText(t, "container/Containerfile"), want) {
		t.Errorf("the Containerfile lacks %s", want)
	}
}

func TestContainerExampleCommands(t *testing.T) {
	s := newStage(t)
	s.run(t, exampleText(t, "container/README.md"), ".", "podman")
	if s.ran != 1 {
		t.Errorf("%d commands of the README were run", s.ran)
	}
}

// TestContainerIsBuilt needs a container engine that runs and reaches a registry.
func TestContainerIsBuilt(t *testing.T) {
	engine := containerEngine(t)
	run := func(args ...string) (string, error) {
		out, err := exec.CommandContext(t.Context(), engine, args...).CombinedOutput()
		return string(out), err
	}
	base := regexp.MustCompile(`ARG GO_VERSION=(\S+)`).FindStringSubmatch(exampleText(t, "container/Containerfile"))[1]
	if out, err := run("pull", "docker.io/library/golang:"+base); err != nil {
		t.Skipf("%s cannot have the image to build in: %v\n%s", engine, err, out)
	}
	const tag = "localhost/trimtab-example-test"
	if out, err := run("build", "-f", examples+"/container/Containerfile", "--build-arg", "VERSION=1.2.3", "-t", tag, "../.."); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Cleanup(func() { _, _ = exec.Command(engine, "rmi", tag).CombinedOutput() })
	if out, err := run("run", "--rm", tag, "version"); err != nil || !strings.Contains(out, "1.2.3") {
		t.Errorf("%v\n%s", err, out)
	}
	if out, err := run("run", "--rm", tag, "check", "--config", "/etc/trimtab/trimtab.yaml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func containerEngine(t *testing.T) string {
	t.Helper()
	for _, engine := range []string{"podman", "docker"} {
		if exec.CommandContext(t.Context(), engine, "info").Run() == nil {
			return engine
		}
	}
	t.Skip("no container engine runs here")
	return ""
}
