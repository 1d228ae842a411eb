package instance

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

const config = `global
  maxconn 200
  stats socket @SOCKET@ level admin
defaults
  mode http
  timeout client 5s
  timeout server 5s
  timeout connect 1s
frontend f
  bind @FD0@
  default_backend b
backend b
  server s1 SERVER
`

func started(t *testing.T, opts Options) *Instance {
	t.Helper()
	if _, err := Find(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	in, err := Start(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := in.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(in.dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("directory %s is still there: %v", in.dir, err)
		}
	})
	return in
}

func get(t *testing.T, addr string) string {
	t.Helper()
	resp, err := http.Get("http://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestServesRestartsAndReloads(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	defer backend.Close()
	text := strings.ReplaceAll(config, "SERVER", backend.Listener.Addr().String())
	for name, master := range map[string]bool{"single": false, "master-worker": true} {
		t.Run(name, func(t *testing.T) {
			in := started(t, Options{Config: text, Listeners: 1, MasterWorker: master})
			if got := get(t, in.Addr(0)); got != "hello" {
				t.Fatalf("got %q through HAProxy", got)
			}
			before := in.PID()
			if err := in.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if in.PID() == before {
				t.Error("restart kept the process")
			}
			if got := get(t, in.Addr(0)); got != "hello" {
				t.Fatalf("got %q after restart", got)
			}
			if !master {
				return
			}
			before, err := in.askPID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := in.Reload(t.Context()); err != nil {
				t.Fatal(err)
			}
			after, err := in.askPID(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if before == after {
				t.Error("reload kept the worker")
			}
			if got := get(t, in.Addr(0)); got != "hello" {
				t.Fatalf("got %q after reload", got)
			}
		})
	}
}

func TestStopEndsAStoppedProcess(t *testing.T) {
	in := started(t, Options{Config: strings.ReplaceAll(config, "SERVER", "127.0.0.1:1"), Listeners: 1})
	if err := in.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
}

// A signal that comes before the master takes any would be lost.
func TestAStartedMasterTakesSignals(t *testing.T) {
	in := started(t, Options{Config: strings.ReplaceAll(config, "SERVER", "127.0.0.1:1"), Listeners: 1, MasterWorker: true})
	if err := in.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(readyPeriod)
	defer tick.Stop()
	for !strings.Contains(in.Output(), "Reloading HAProxy") {
		select {
		case <-ctx.Done():
			t.Fatalf("the signal was lost:\n%s", in.Output())
		case <-tick.C:
		}
	}
}

func TestErrorCarriesWhatHAProxySays(t *testing.T) {
	if _, err := Find(); err != nil {
		t.Skip(err)
	}
	for name, test := range map[string]struct{ config, want string }{
		"refused by -c": {"global\n  stats socket @SOCKET@\nfrontend f\n  bund :1\n", "unknown keyword 'bund'"},
		"no socket":     {"global\n", "@SOCKET@"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Start(t.Context(), Options{Config: test.config})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v does not say %q", err, test.want)
			}
		})
	}
}
