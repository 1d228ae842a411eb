package haproxy

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// bound is a socket of a mode and a group, -1 for this process's own.
func bound(t *testing.T, mode os.FileMode, group int) string {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, -1, group); err != nil {
		t.Skipf("files cannot be given to group %d: %v", group, err)
	}
	return path
}

func TestAccessSaysWhatToDo(t *testing.T) {
	const group = 12345
	stranger := identity{user: "trimtab", uid: 54321, groups: []account{{54321, "trimtab"}}}
	insider := identity{user: "trimtab", uid: 54321, groups: []account{{54321, "trimtab"}, {group, "haproxy"}}}
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		path string
		who  identity
		want []string
	}{
		"a group that may write": {
			bound(t, 0o660, group), stranger,
			[]string{"srw-rw----", ":" + strconv.Itoa(group), "user trimtab (groups: trimtab)", "usermod -aG 12345 trimtab"},
		},
		"already in the group":  {bound(t, 0o660, group), insider, []string{"srw-rw----", "groups: trimtab, haproxy)"}},
		"its owner alone":       {bound(t, 0o600, group), stranger, []string{"srw-------", "mode 660 group GROUP level admin"}},
		"root's group":          {bound(t, 0o660, 0), stranger, []string{"srw-rw----", "mode 660 group GROUP level admin"}},
		"no such file":          {filepath.Join(dir, "none"), stranger, []string{"no such file in " + dir, "stats socket"}},
		"no such directory":     {filepath.Join(dir, "none", "s"), stranger, []string{"no directory " + filepath.Join(dir, "none")}},
		"a file that is no one": {file, stranger, []string{"it is no socket but -rw-r-----"}},
	} {
		got := access(test.path, test.who)
		for _, want := range test.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %q does not say %q", name, got, want)
			}
		}
		if advised := strings.Contains(got, "usermod"); advised && test.who.in(group) {
			t.Errorf("%s: %q advises what is done already", name, got)
		}
	}
}

// As another user, who may not do what root may.
func TestASocketThatMayNotBeOpened(t *testing.T) {
	if os.Geteuid() != 0 || runtime.GOOS != "linux" {
		t.Skip("only root can be another user for a while")
	}
	in := unserved(t, system(t), 2)
	closed := filepath.Join(filepath.Dir(in.Socket()), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		mode   os.FileMode
		socket string
		want   []string
	}{
		"the socket":    {0o600, in.Socket(), []string{in.Socket(), "srw-------", "user "}},
		"the directory": {0o666, filepath.Join(closed, "s"), []string{"directory " + closed + " is drwx------"}},
	} {
		if err := os.Chmod(in.Socket(), test.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(filepath.Dir(in.Socket()), 0o755); err != nil {
			t.Fatal(err)
		}
		s := session(t, test.socket)
		failure := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
			const nobody = 65534
			if err := syscall.Setfsuid(nobody); err != nil {
				failure <- err
				return
			}
			_, err := exchange(s, "show info")
			failure <- err
		}()
		err := <-failure
		wantKind(t, err, ErrSocketPermission)
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v does not say %q", name, err, want)
			}
		}
		t.Log(err)
	}
}
