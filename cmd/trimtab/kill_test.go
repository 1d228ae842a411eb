package main

import (
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/client"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
	"github.com/trimtab-lb/trimtab/scorer"
)

// served is the two-pool proxy before two servers, the second of which takes three
// times as long, and clients that never rest.
func served(t *testing.T) *instance.Instance {
	t.Helper()
	text := twoPools
	for i, takes := range []time.Duration{10 * time.Millisecond, 30 * time.Millisecond} {
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			timer := time.NewTimer(takes)
			<-timer.C
		}))
		t.Cleanup(s.Close)
		text = strings.Replace(text, fmt.Sprintf("server s%d 127.0.0.1:1", i+1), fmt.Sprintf("server s%d %s", i+1, strings.TrimPrefix(s.URL, "http://")), 1)
	}
	in := proxy(t, text)
	var clients sync.WaitGroup
	for range 12 {
		clients.Go(func() {
			for t.Context().Err() == nil {
				request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+in.Addr(0), nil)
				if err != nil {
					return
				}
				response, err := http.DefaultClient.Do(request)
				if err == nil {
					_, _ = io.Copy(io.Discard, response.Body)
					_ = response.Body.Close()
				}
			}
		})
	}
	t.Cleanup(clients.Wait)
	return in
}

// share is the first server's part of the weights in HAProxy.
func share(t *testing.T, in *instance.Instance) float64 {
	t.Helper()
	var w [2]float64
	for i, text := range strings.Fields(weights(t, in)) {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		w[i] = float64(n)
	}
	return w[0] / (w[0] + w[1])
}

// However trimtab dies, and whenever, the next one goes on from where it was: the
// largest change of a weight at a restart is that of one step.
func TestKilledAtAnyMoment(t *testing.T) {
	t.Parallel()
	const fleets, kills = 3, 10
	for fleet := range fleets {
		t.Run(strconv.Itoa(fleet), func(t *testing.T) {
			t.Parallel()
			worst := killed(t, rand.New(rand.NewPCG(4, uint64(fleet))), kills)
			limit := math.Log1p(scorer.DefaultLimits().Step)
			t.Logf("%d kills: the largest change of a weight within two steps of a restart is a factor of %.3f; one step may be %.2f",
				kills, math.Exp(worst), math.Exp(limit))
			if worst > limit {
				t.Errorf("a weight changed by a factor of %.3f at a restart", math.Exp(worst))
			}
		})
	}
}

func killed(t *testing.T, rng *rand.Rand, kills int) (worst float64) {
	in := served(t)
	r := newKept(t, in)
	r.again(t)
	r.untilEvery(t, 500*time.Millisecond, "telling the servers apart", func(d status.Document) bool {
		return steering(d) && d.Pools[0].Law == scorer.LawCapacity && d.Pools[0].Backends[0].Weight > 1.35
	})
	looked := 0 // kills that were seen to the second step
	for kill := range kills {
		pause := time.NewTimer(time.Duration(rng.IntN(1000)) * time.Millisecond)
		<-pause.C
		if err := r.process.Kill(); err != nil {
			t.Fatal(err)
		}
		r.stop()
		before := share(t, in)
		r.again(t)
		var seen []float64
		second := false
		r.until(t, fmt.Sprintf("steering after kill %d", kill), func(d status.Document) bool {
			now := share(t, in)
			// Who is slow to look may see what several steps have come to.
			after, err := status.Get(t.Context(), client.Client{Addr: r.addr})
			if err != nil || len(after.Pools) == 1 && after.Pools[0].Tick > 2 {
				return steering(d)
			}
			if len(seen) == 0 || seen[len(seen)-1] != now {
				seen = append(seen, now)
			}
			worst = max(worst, math.Abs(math.Log(now/before)), math.Abs(math.Log((1-now)/(1-before))))
			second = second || steering(d)
			return steering(d)
		})
		if second {
			looked++
		}
		t.Logf("kill %d: share %.3f, then %.3f", kill, before, seen)
	}
	if looked < kills/2 {
		t.Errorf("%d of %d kills were seen to the second step", looked, kills)
	}
	if got := share(t, in); got < 0.6 {
		t.Errorf("the quick server's share ends at %.2f: what was learned is lost", got)
	}
	return worst
}
