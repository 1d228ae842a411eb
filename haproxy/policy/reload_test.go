package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// served is a configuration whose web backend is reached at an address of its
// own: HAProxy is validated outside of the instance, where it inherits nothing.
const served = `global
  maxconn 500
  stats socket @SOCKET@ level admin
defaults
  mode http
  balance roundrobin
  timeout client 5s
  timeout server 5s
  timeout connect 2s
frontend in
  bind ADDRESS
  default_backend web
backend web
  # what is served
  server s1 SERVER weight 100
  server s2 SERVER weight 100
  server s3 SERVER weight 100
  server s4 SERVER weight 100 disabled
backend other
  server s1 SERVER weight 10
`

// freeAddress is an address that nobody listens at now.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.77.4.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

type stage struct {
	*instance.Instance
	master, address string
}

// staged runs HAProxy with a master socket and sets weights and states there.
func staged(t testing.TB, binary string) stage {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	t.Cleanup(server.Close)
	program, socket := withMaster(t, binary)
	address := freeAddress(t)
	config := strings.NewReplacer("ADDRESS", address, "SERVER", server.Listener.Addr().String()).Replace(served)
	in := start(t, instance.Options{Binary: program, Config: config, MasterWorker: true})
	// Its worker may answer before it takes signals.
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := poll(ctx, "the master does not answer", func() (bool, error) {
		_, err := master{socket}.processes(ctx)
		return err == nil, err
	}); err != nil {
		t.Fatal(err)
	}
	set(t, in.Socket(),
		"set server web/s1 weight 77", "set server web/s2 state drain", "set server web/s2 weight 5",
		"set server web/s3 state maint", "set server web/s4 state ready", "set server other/s1 weight 0")
	return stage{in, socket, address}
}

// retiring is called before a reload. What it returns waits until the worker of
// before takes no more connections: for a moment, it and the new one both do.
func retiring(t testing.TB, socket string) (wait func()) {
	t.Helper()
	s, err := haproxy.NewSession(socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	before, _, err := look(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := poll(ctx, "the old worker goes on", func() (bool, error) {
			// When it is gone, another one answers.
			now, stopping, err := look(ctx, s)
			return err == nil && (stopping || now.pid != before.pid), err
		}); err != nil {
			t.Fatal(err)
		}
		s.Close() // it would keep the old worker alive
	}
}

// states are weight and state of every server.
func states(t testing.TB, socket string) map[string]string {
	t.Helper()
	servers, order, err := parseState(ask(t, socket, "show servers state"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range order {
		out[name] = fmt.Sprint(servers[name].weight, " ", servers[name].admin.word())
	}
	return out
}

var asBefore = map[string]string{
	"web/s1": "77 ready", "web/s2": "5 drain", "web/s3": "100 maint", "web/s4": "100 ready", "other/s1": "0 ready",
}

func prepared(t testing.TB, paths ...string) *Plan {
	t.Helper()
	p, err := Prepare(paths, "web", "leastconn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func written(t testing.TB, p *Plan, binary string) (backup string) {
	t.Helper()
	if err := p.Check(t.Context(), binary); err != nil {
		t.Fatal(err)
	}
	backup, err := p.Write()
	if err != nil {
		t.Fatal(err)
	}
	return backup
}

// afterwards is how many requests a stream still sends when it is stopped.
const afterwards = 200

// stream sends requests, some on kept and some on new connections, until it is
// stopped, and returns how many came back and what went wrong.
func stream(t testing.TB, address string) (stop func() (done int64, failures []error)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var done atomic.Int64
	var mu sync.Mutex
	var failures []error
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			client := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
			defer client.CloseIdleConnections()
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
				}
				if err := get(client, address); err != nil {
					mu.Lock()
					failures = append(failures, err)
					mu.Unlock()
				}
				done.Add(1)
			}
		})
	}
	return func() (int64, []error) {
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for goal := done.Load() + afterwards; done.Load() < goal && ctx.Err() == nil; {
			<-tick.C
		}
		cancel()
		group.Wait()
		return done.Load(), failures
	}
}

func get(client *http.Client, address string) error {
	reply, err := client.Get("http://" + address)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, reply.Body)
	if reply.StatusCode != http.StatusOK {
		err = errors.New(reply.Status)
	}
	return errors.Join(err, reply.Body.Close())
}

func TestReloadCarriesWeightsAndStatesOver(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s := staged(t, binary)
		stop := stream(t, s.address)
		p := prepared(t, s.ConfigFile())
		written(t, p, binary)
		retired := retiring(t, s.Socket())
		began := time.Now()
		carried, err := p.Reload(t.Context(), Reload{MasterSocket: s.master, Socket: s.Socket()})
		took := time.Since(began)
		if err != nil {
			t.Fatal(err)
		}
		retired()
		if is := running(t, s.Socket(), "web"); is != "leastconn" {
			t.Errorf("the new worker balances with %s", is)
		}
		if is := running(t, s.Socket(), "other"); is != "roundrobin" {
			t.Errorf("the other backend balances with %s now", is)
		}
		if diff := cmp.Diff(asBefore, states(t, s.Socket())); diff != "" {
			t.Errorf("after the reload (-want +got)\n%s", diff)
		}
		if len(carried.Set) != 6 || len(carried.Notes) > 0 {
			t.Errorf("carried %+v, want 6 settings and no notes", carried)
		}
		done, failures := stop()
		if len(failures) > 0 {
			t.Errorf("%d of %d requests failed: %v", len(failures), done, failures[0])
		}
		if done == 0 {
			t.Error("no request was made")
		}
		t.Logf("HAProxy %s: reload with everything carried over %s; %d requests, %d failed", versionOf(t, binary), took.Round(time.Millisecond), done, len(failures))
	})
}

func TestReloadByCommand(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s := staged(t, binary)
		p := prepared(t, s.ConfigFile())
		written(t, p, binary)
		retired := retiring(t, s.Socket())
		carried, err := p.Reload(t.Context(), Reload{Command: fmt.Sprint("kill -USR2 ", s.PID()), Socket: s.Socket()})
		if err != nil {
			t.Fatal(err)
		}
		retired()
		if diff := cmp.Diff(asBefore, states(t, s.Socket())); diff != "" || len(carried.Set) == 0 {
			t.Errorf("carried %+v (-want +got)\n%s", carried, diff)
		}
	})
}

func TestFailedReloadPutsTheFileBack(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s := staged(t, binary)
		// Valid where it is validated, refused where it is loaded.
		text, err := os.ReadFile(s.ConfigFile())
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, "  unknown-to-haproxy\n"...)
		if err := os.WriteFile(s.ConfigFile(), text, 0o640); err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]Reload{
			"master":        {MasterSocket: s.master, Socket: s.Socket()},
			"command":       {Command: "echo it does not; exit 3", Socket: s.Socket()},
			"nothing comes": {Command: "true", Socket: s.Socket(), Timeout: 300 * time.Millisecond},
			"no socket":     {MasterSocket: s.master, Socket: s.master + "nowhere"},
		} {
			t.Run(name, func(t *testing.T) {
				p := prepared(t, s.ConfigFile())
				backup := written(t, p, "true")
				_, err := p.Reload(t.Context(), r)
				if !errors.Is(err, ErrNotReloaded) || !strings.Contains(err.Error(), "is as it was before") {
					t.Errorf("error %v", err)
				}
				for _, path := range []string{s.ConfigFile(), backup} {
					if got, err := os.ReadFile(path); err != nil || string(got) != string(text) {
						t.Errorf("%s is not as it was: %v", path, err)
					}
				}
				if err := get(http.DefaultClient, s.address); err != nil {
					t.Errorf("HAProxy does not serve any more: %v", err)
				}
				if diff := cmp.Diff(asBefore, states(t, s.Socket())); diff != "" {
					t.Errorf("weights and states (-want +got)\n%s", diff)
				}
				left, err := filepath.Glob(filepath.Join(filepath.Dir(s.ConfigFile()), ".*trimtab*"))
				if err != nil || len(left) > 0 {
					t.Errorf("left behind: %v, %v", left, err)
				}
			})
		}
	})
}

func TestReloadSaysWhatIsLost(t *testing.T) {
	onEach(t, func(t *testing.T, binary string) {
		s := staged(t, binary)
		set(t, s.Socket(), "set server web/s3 weight 100")
		ask(t, s.Socket(), "set server web/s1 addr 127.0.0.9 port 99")
		p := prepared(t, s.ConfigFile())
		written(t, p, binary)
		carried, err := p.Reload(t.Context(), Reload{MasterSocket: s.master, Socket: s.Socket()})
		if err != nil {
			t.Fatal(err)
		}
		if len(carried.Notes) != 1 || !strings.Contains(carried.Notes[0], "web/s1 was at 127.0.0.9:99") {
			t.Errorf("notes %q", carried.Notes)
		}
	})
}
