package policy

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const small = "defaults\n  mode http\nbackend web\n  balance roundrobin\n"

func placed(t testing.TB, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "haproxy.cfg")
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWriteKeepsModeOwnerAndLinks(t *testing.T) {
	path := placed(t, 0o604)
	owner, group := os.Getuid(), os.Getgid()
	if owner == 0 {
		owner, group = 12345, 23456
		if err := os.Chown(path, owner, group); err != nil {
			t.Fatal(err)
		}
	}
	link := filepath.Join(t.TempDir(), "link.cfg")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	p := prepared(t, link)
	backup := written(t, p, "true")
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link is gone: %v", err)
	}
	for name, want := range map[string]string{path: strings.Replace(small, "roundrobin", "leastconn", 1), backup: small} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		stat := info.Sys().(*syscall.Stat_t)
		if info.Mode() != 0o604 || int(stat.Uid) != owner || int(stat.Gid) != group {
			t.Errorf("%s: mode %v, owner %d:%d", name, info.Mode(), stat.Uid, stat.Gid)
		}
		text, err := os.ReadFile(name)
		if diff := cmp.Diff(want, string(text)); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", name, err, diff)
		}
	}
	// HAProxy would take a name that ends in .cfg for a part of a directory.
	if filepath.Dir(backup) != filepath.Dir(path) || strings.HasSuffix(backup, ".cfg") {
		t.Errorf("the backup is %s", backup)
	}
}

func TestWriteLeavesAFileThatChanged(t *testing.T) {
	path := placed(t, 0o600)
	p := prepared(t, path)
	theirs := []byte(small + "  server s1 127.0.0.1:1\n")
	if err := os.WriteFile(path, theirs, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(); !errors.Is(err, ErrModified) {
		t.Errorf("error %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || !bytes.Equal(text, theirs) {
		t.Errorf("%v: %q", err, text)
	}
}

func TestCheckTellsWhoseErrorItIs(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		path := placed(t, 0o600)
		if err := os.WriteFile(path, []byte(small+"  nonsense\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		p := prepared(t, path)
		err := p.Check(t.Context(), binary)
		if err == nil || !strings.Contains(err.Error(), "not valid as it is, before any change") || !strings.Contains(err.Error(), "unknown keyword 'nonsense'") {
			t.Errorf("error %v", err)
		}
		p.Close()
		if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 1 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	p := prepared(t, placed(t, 0o600))
	// A validator that refuses the change alone.
	picky := filepath.Join(t.TempDir(), "picky")
	if err := os.WriteFile(picky, []byte("#!/bin/sh\necho picky; ! grep -q leastconn \"$3\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := p.Check(t.Context(), picky); err == nil || !strings.Contains(err.Error(), "the changed") || !strings.Contains(err.Error(), "picky") {
		t.Errorf("error %v", err)
	}
}

func TestPrepareReadsDirectories(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"00-defaults.cfg": "defaults\n  balance leastconn\n",
		"10-web.cfg":      "backend web\n  server s1 127.0.0.1:1\n",
		".20-hidden.cfg":  "backend web\n",
		"30-other.bak":    "backend web\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if p := prepared(t, dir); p.Changed() || p.Before != "leastconn" {
		t.Errorf("changes %+v, from %q", p.Changes, p.Before)
	}
	if _, err := Prepare([]string{t.TempDir()}, "web", "leastconn"); err == nil || !strings.Contains(err.Error(), "end in .cfg") {
		t.Errorf("error %v", err)
	}
}

func TestAdminSocket(t *testing.T) {
	for text, want := range map[string]string{
		"global\n  stats socket /run/a mode 600\n  stats socket /run/b mode 660 level admin\n": "/run/b",
		"global\n  stats socket \"$A\" level admin\n":                                          "",
		"global\n  stats socket fd@3 level admin\n":                                            "",
		"defaults\n  stats socket /run/b level admin\n":                                        "",
		"global\n  stats socket ipv4@127.0.0.1:9999 level admin\n":                             "ipv4@127.0.0.1:9999",
	} {
		if got := AdminSocket([]File{{"f", []byte(text)}}); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
