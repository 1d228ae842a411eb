package daemon

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// silent is a proxy that does not answer until it is told to.
type silent chan []scorer.Backend

func (s silent) Run(ctx context.Context, out chan<- []scorer.Backend) error {
	select {
	case list := <-s:
		out <- list
	case <-ctx.Done():
	}
	<-ctx.Done()
	return nil
}

// A HAProxy that is away does not keep Envoys from the backends that are
// configured.
func TestConfiguredBackendsAreServedWhileNoProxyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		configured := []scorer.Backend{{Name: "a", Address: "10.0.0.1:80"}, {Name: "b", Address: "10.0.0.2:80"}}
		proxy := make(silent)
		var followed []scorer.Backend
		m := &members{
			log: slog.New(slog.DiscardHandler), configured: configured, addressed: true,
			proxies: []tuner.Discoverer{proxy}, followers: []func([]scorer.Backend){func(list []scorer.Backend) { followed = list }},
		}
		ctx, cancel := context.WithCancel(t.Context())
		out := make(chan []scorer.Backend)
		ended := make(chan error, 1)
		began := time.Now()
		go func() { ended <- m.Run(ctx, out) }()
		if list := <-out; len(list) != 2 || len(followed) != 2 || time.Since(began) != proxyPatience {
			t.Errorf("%v, followers told %v, after %s", list, followed, time.Since(began))
		}
		// Once it answers, its word counts.
		proxy <- []scorer.Backend{{Name: "a", Address: "10.0.0.1:80", Condition: scorer.Down}}
		if list := <-out; len(list) != 1 || list[0].Condition != scorer.Down {
			t.Errorf("%v by the proxy's word", list)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}
