package state

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/trimtab-lb/trimtab/scorer"
)

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func example(pool string) File {
	return File{
		Pool: pool,
		Orders: scorer.Orders{
			Frozen: &scorer.Order{Who: "alice", Why: "release", At: time.Unix(5, 0).UTC()},
			Pins:   map[string]scorer.Pin{"s1": {Order: scorer.Order{Who: "bob"}, Weight: 0.5}},
		},
		Memory: scorer.Memory{At: time.Unix(7, 0).UTC(), Backends: map[string]scorer.Remembered{
			"s1": {Weight: 1.2, Log: 0.1, Deviation: 0.02, Ejected: &scorer.RememberedEjection{DelaySeconds: 10, Failed: 1, Rest: 0.01}},
		}},
	}
}

func TestWhatIsSavedIsLoaded(t *testing.T) {
	dir := t.TempDir()
	for _, pool := range []string{"web", "../up", "a/b", ".", "..", "ws/日本 x", strings.Repeat("n", 200)} {
		s := open(t, dir)
		want := example(pool)
		for range 2 {
			if err := s.Save(want); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := open2(t, dir, pool)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(File{}, "Version", "SavedAt")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", pool, diff)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 2 {
		t.Errorf("%d entries (%v), want the lock and the pools alone: a name has left the directory", len(files), err)
	}
}

func open2(t *testing.T, dir, pool string) (File, error) {
	s := open(t, dir)
	defer s.Close()
	return s.Load(pool)
}

func TestNothingKept(t *testing.T) {
	got, err := open(t, t.TempDir()).Load("web")
	if err != nil || !cmp.Equal(got, File{}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestDamagedIsSetAside(t *testing.T) {
	for name, text := range map[string]string{
		"empty":           "",
		"cut off":         `{"version":1,"pool":"web","mem`,
		"another version": `{"version":99,"pool":"web"}`,
		"another pool":    `{"version":1,"pool":"ws"}`,
		"a weight of 0":   `{"version":1,"pool":"web","orders":{"pins":{"s1":{"weight":0}}}}`,
		"a weight of 1e9": `{"version":1,"pool":"web","orders":{"pins":{"s1":{"weight":1e9}}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			path := filepath.Join(dir, "pools", "web.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := s.Load("web")
			if !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), path) {
				t.Fatalf("error %v, want one that names %s", err, path)
			}
			aside, _ := filepath.Glob(path + ".damaged-*")
			if len(aside) != 1 {
				t.Fatalf("set aside: %v", aside)
			}
			if kept, _ := os.ReadFile(aside[0]); string(kept) != text {
				t.Errorf("kept %q, want it untouched", kept)
			}
			if err := s.Save(example("web")); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Load("web"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "another trimtab") || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestErrorsNameWhatIsInTheWay(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "state")); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("error %v, want one that names %s", err, file)
	}
	long := strings.Repeat("n", 300)
	s := open(t, t.TempDir())
	if err := s.Save(File{Pool: long}); err == nil || !strings.Contains(err.Error(), "too long") {
		t.Errorf("error %v", err)
	}
	err := explain("/root/nowhere", os.ErrPermission)
	if !strings.Contains(err.Error(), "has mode") || !strings.Contains(err.Error(), "user ") {
		t.Errorf("error %v, want mode, owner and user", err)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"version":1,"pool":"web","orders":{"pins":{"s1":{"weight":0.5}}},"memory":{"backends":{"s1":{"weight":1}}}}`))
	f.Add([]byte(`{"version":1,"pool":"web","memory":{"backends":null}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := decode(text, "web")
		if err != nil {
			return
		}
		// Whatever it says, a pool goes on with it.
		p, err := scorer.New(scorer.Config{Name: "web"})
		if err != nil {
			t.Fatal(err)
		}
		p.SetBackends([]scorer.Backend{{Name: "s1"}, {Name: "s2"}})
		p.SetOrders(file.Orders)
		now := time.Unix(100, 0)
		p.Recall(file.Memory, now)
		for range 3 {
			now = now.Add(time.Second)
			for _, d := range p.Step(now).Decisions {
				if !(d.Weight >= 0) {
					t.Fatalf("weight %v", d.Weight)
				}
			}
		}
	})
}
