package discover

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// runner is anything that discovers.
type runner interface {
	Run(ctx context.Context, out chan<- []scorer.Backend) error
	Status() Status
}

// follow runs a discoverer until the test ends.
func follow(t *testing.T, d runner) <-chan []scorer.Backend {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := make(chan []scorer.Backend), make(chan error, 1)
	go func() { ended <- d.Run(ctx, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return out
}

// patience is for a machine that is busy.
const patience = 20 * time.Second

func next(t *testing.T, lists <-chan []scorer.Backend, want ...string) {
	t.Helper()
	select {
	case list := <-lists:
		if got := names(list); got != strings.Join(want, " ") {
			t.Fatalf("backends %s, want %s", got, strings.Join(want, " "))
		}
	case <-time.After(patience):
		t.Fatalf("nothing for %s, want %s", patience, strings.Join(want, " "))
	}
}

func names(list []scorer.Backend) string {
	var out []string
	for _, b := range list {
		out = append(out, b.Name)
	}
	return strings.Join(out, " ")
}

// until waits for a status, while no list may come.
func until(t *testing.T, d runner, lists <-chan []scorer.Backend, says string) Status {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	over := time.After(patience)
	for {
		s := d.Status()
		if strings.Contains(s.LastError, says) && (says != "" || s.LastError == "") {
			return s
		}
		select {
		case list := <-lists:
			t.Fatalf("backends %s, want the ones before to stay", names(list))
		case <-over:
			t.Fatalf("status %+v, want it to say %q", s, says)
		case <-ticker.C:
		}
	}
}

func targets(addresses ...string) string {
	return fmt.Sprintf(`[{"targets": ["%s"]}]`, strings.Join(addresses, `", "`))
}

// put writes a file beside and renames it.
func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func TestAFileIsFollowed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "targets.json")
	f := NewFile(FileOptions{Path: path, Period: time.Hour})
	lists := follow(t, f)
	if s := until(t, f, lists, "no such file"); s.Backends != 0 || s.Name != "file:"+path {
		t.Errorf("status %+v", s)
	}
	put(t, path, targets("a:1", "b:1"))
	next(t, lists, "a:1", "b:1")
	put(t, path, targets("a:1", "c:1"))
	next(t, lists, "a:1", "c:1")
	// In place, as an editor or a shell does it.
	if err := os.WriteFile(path, []byte(targets("d:1")), 0o600); err != nil {
		t.Fatal(err)
	}
	next(t, lists, "d:1")
	// What is broken, empty or gone keeps the last good list.
	for text, says := range map[string]string{"[{": "not target groups", "[]": "no target in it"} {
		put(t, path, text)
		if s := until(t, f, lists, says); s.Backends != 1 || !strings.Contains(s.LastError, path) {
			t.Errorf("status %+v", s)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	until(t, f, lists, "no such file")
	// The same list again is no news.
	put(t, path, targets("d:1"))
	until(t, f, lists, "")
	put(t, path, targets("e:1"))
	next(t, lists, "e:1")
	if s := f.Status(); s.Failures < 4 || s.Changed.IsZero() || s.Backends != 1 {
		t.Errorf("status %+v", s)
	}
}

// Kubernetes switches the link ..data between directories.
func TestASwitchedLinkIsFollowed(t *testing.T) {
	dir := t.TempDir()
	swap := func(version, text string) {
		t.Helper()
		if err := os.Mkdir(filepath.Join(dir, version), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, version, "targets.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(version, filepath.Join(dir, "..data_tmp")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")); err != nil {
			t.Fatal(err)
		}
	}
	swap("..1", "- targets: [a:1]\n")
	path := filepath.Join(dir, "targets.yaml")
	if err := os.Symlink("..data/targets.yaml", path); err != nil {
		t.Fatal(err)
	}
	lists := follow(t, NewFile(FileOptions{Path: path, Period: time.Hour}))
	next(t, lists, "a:1")
	swap("..2", "- targets: [b:1]\n")
	next(t, lists, "b:1")
	if err := os.RemoveAll(filepath.Join(dir, "..1")); err != nil {
		t.Fatal(err)
	}
	swap("..3", "- targets: [c:1]\n")
	next(t, lists, "c:1")
}

// Where the kernel tells nothing, the period does.
func TestALinkElsewhereIsSeenByPeriod(t *testing.T) {
	elsewhere, path := filepath.Join(t.TempDir(), "real.json"), filepath.Join(t.TempDir(), "targets.json")
	put(t, elsewhere, targets("a:1"))
	if err := os.Symlink(elsewhere, path); err != nil {
		t.Fatal(err)
	}
	lists := follow(t, NewFile(FileOptions{Path: path, Period: 50 * time.Millisecond}))
	next(t, lists, "a:1")
	put(t, elsewhere, targets("b:1"))
	next(t, lists, "b:1")
}

func TestWhatIsNoFile(t *testing.T) {
	for path, says := range map[string]string{t.TempDir(): "not a regular file", "/nowhere/at/all.json": "no such file"} {
		f := NewFile(FileOptions{Path: path})
		until(t, f, follow(t, f), says)
	}
}

// A discoverer that is started again tells the list that it had.
func TestAnotherRunTellsWhatIsKnown(t *testing.T) {
	path := filepath.Join(t.TempDir(), "targets.json")
	put(t, path, targets("a:1"))
	f := NewFile(FileOptions{Path: path})
	for range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		out, ended := make(chan []scorer.Backend), make(chan error, 1)
		go func() { ended <- f.Run(ctx, out) }()
		next(t, out, "a:1")
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}
