package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// station is a server that works on so many requests at a time.
func station(t *testing.T, workers int, work time.Duration) string {
	t.Helper()
	free := make(chan struct{}, workers)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case free <- struct{}{}:
		case <-r.Context().Done():
			return
		}
		defer func() { <-free }()
		select {
		case <-time.After(work):
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// load asks for the page from so many clients, until stop is called, which
// says how many answers were good and how many were not.
func load(t *testing.T, url string, clients int) (stop func() (good, bad int64)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	var good, bad atomic.Int64
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
				if err != nil {
					t.Error(err)
					return
				}
				response, err := client.Do(request)
				if err != nil {
					if ctx.Err() == nil {
						bad.Add(1)
					}
					continue
				}
				_, _ = io.Copy(io.Discard, response.Body)
				response.Body.Close()
				if response.StatusCode == http.StatusOK {
					good.Add(1)
				} else {
					bad.Add(1)
				}
			}
		})
	}
	return func() (int64, int64) {
		cancel()
		group.Wait()
		client.CloseIdleConnections()
		return good.Load(), bad.Load()
	}
}

// exampleProxy starts the example's HAProxy on this machine's own addresses.
func exampleProxy(t *testing.T, servers ...string) *instance.Instance {
	t.Helper()
	return proxy(t, strings.NewReplacer(
		"/run/haproxy/admin.sock user haproxy group haproxy", "@SOCKET@",
		"bind :8080", "bind @FD0@",
		"10.0.0.11:8080", servers[0], "10.0.0.12:8080", servers[1], "10.0.0.13:8080", servers[2],
		"log stdout format raw local0 info", "",
	).Replace(exampleText(t, "haproxy/haproxy.cfg")))
}

func TestHAProxyExampleIsTuned(t *testing.T) {
	t.Parallel()
	const work = 10 * time.Millisecond
	in := exampleProxy(t, station(t, 8, work), station(t, 4, work), station(t, 2, work))
	stop := load(t, "http://"+in.Addr(0)+"/", 20)
	yaml := strings.ReplaceAll(exampleText(t, "haproxy/trimtab.yaml"), "/run/haproxy/admin.sock", in.Socket())
	r := start(t, yaml[strings.Index(yaml, "pools:\n")+len("pools:\n"):])
	began := time.Now()
	var weakest, strongest status.Number
	d := r.until(t, "weighing the weak server less", func(d status.Document) bool {
		if len(d.Pools) != 1 || len(d.Pools[0].Backends) != 3 || !d.Pools[0].Targets[0].InSync {
			return false
		}
		strongest, weakest = d.Pools[0].Backends[0].WeightNow, d.Pools[0].Backends[2].WeightNow
		return weakest < 0.9*strongest
	})
	t.Logf("weights %v and %v after %v, applied %v", strongest, weakest, time.Since(began).Round(time.Millisecond), d.Pools[0].Backends[2].Applied)

	// The README's commands meet what it describes.
	s := newStage(t, "/run/haproxy/admin.sock", in.Socket()+" --watch 2s", "trimtab status", "trimtab status --addr "+r.addr)
	s.run(t, exampleText(t, "haproxy/README.md"), "examples/haproxy", "trimtab run")
	if s.ran != 4 {
		t.Errorf("%d commands of the README were run", s.ran)
	}
	if code := r.stop(); code != exitFine {
		t.Errorf("exit code %d\n%s", code, r.log)
	}
	good, bad := stop()
	t.Logf("%d answers", good)
	if good == 0 || bad > 0 {
		t.Errorf("%d good answers, %d bad", good, bad)
	}
}
