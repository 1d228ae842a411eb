package child

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// script writes a program that stands in for trimtab.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "trimtab")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOneThatEndsSaysWhy(t *testing.T) {
	c, err := Start(script(t, `echo "cannot $*"; exit 3`), "attach", "--socket", "/run/x.sock")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	err = c.Wait(ctx)
	if err == nil {
		t.Fatal("a child that has ended is no error")
	}
	for _, s := range []string{"exit status 3", "cannot attach --socket /run/x.sock"} {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("no %q in: %v", s, err)
		}
	}
	if err := c.Stop(); err != nil {
		t.Errorf("stop of what has ended: %v", err)
	}
}

func TestIsInterrupted(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	ready := seen + ".ready"
	c, err := Start(script(t, `trap 'touch `+seen+`; exit 0' INT; touch `+ready+`; while :; do sleep 0.05; done`), "s")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(ready); err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("never ready")
		}
	}
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(seen); err != nil {
		t.Errorf("it was not given the time to restore weights: %v", err)
	}
}

func TestStartWithoutOne(t *testing.T) {
	if _, err := Start("/nonexistent/trimtab", "s"); err == nil || !strings.Contains(err.Error(), "/nonexistent/trimtab") {
		t.Errorf("got %v", err)
	}
}

func TestListensSaysWhyNot(t *testing.T) {
	c, err := Start(script(t, `echo "address already in use"; exit 1`))
	if err != nil {
		t.Fatal(err)
	}
	at, err := FreeAddress(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Listens(t.Context(), at); err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("got %v, want what it said", err)
	}
	if err := c.Stop(); err != nil {
		t.Errorf("stop of what has ended: %v", err)
	}
}
