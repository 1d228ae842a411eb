package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/recording"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// recordable are options whose only pool, ws, runs until stop is called.
func recordable(t *testing.T) (o Options, stop func()) {
	t.Helper()
	c := scorer.Config{Name: "ws"}
	pool, err := scorer.New(c)
	if err != nil {
		t.Fatal(err)
	}
	runs := tuner.New(tuner.Options{Pool: pool, Backends: []scorer.Backend{{Name: "ws1"}, {Name: "ws2"}}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { runs.Run(ctx); close(done) }()
	o = options(good())
	o.Record = func(ctx context.Context, pool string) (scorer.Config, *tuner.Recording, error) {
		if pool != "ws" {
			return c, nil, fmt.Errorf("%w: %q", ErrNotFound, pool)
		}
		r, err := runs.Record(ctx)
		return c, r, err
	}
	return o, func() { cancel(); <-done }
}

func recorded(t *testing.T, w *httptest.ResponseRecorder) *recording.Reader {
	t.Helper()
	r, err := recording.NewReader("answer", w.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.CopyTo(&strings.Builder{}); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestRecordsForAsLongAsAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, stop := recordable(t)
		defer stop()
		h := handler(t, o)
		asked := time.Now()
		r := recorded(t, ask(h, "GET", "/api/v1/pools/ws/record?for=10500ms"))
		if r.End().Plans != 10 || r.End().Why != "after 10.5s, as was asked for" || time.Since(asked) != 10500*time.Millisecond {
			t.Errorf("end %+v after %v", r.End(), time.Since(asked))
		}
		if head := r.Header(); head.Pool != "ws" || head.Program != "1.2.3" || !head.FromStart {
			t.Errorf("header %+v", head)
		}
		if r := recorded(t, ask(h, "GET", "/api/v1/pools/ws/record")); r.End().Plans < 59 || r.Header().FromStart {
			t.Errorf("by default %+v", r.End())
		}
	})
}

func TestARecordingEndsWithItsPoolAndWithTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, stop := recordable(t)
		h := handler(t, o)
		ctx, cancel := context.WithCancel(t.Context())
		answers := make(chan *httptest.ResponseRecorder)
		begin := func() {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", "/api/v1/pools/ws/record", nil).WithContext(ctx))
			answers <- w
		}
		for _, end := range []struct { // the pool last: there is no other one
			says string
			do   func()
		}{{"trimtab was stopped", cancel}, {poolEnded, stop}} {
			go begin()
			<-time.After(2500 * time.Millisecond)
			end.do()
			r := recorded(t, <-answers)
			if r.End().Why != end.says || r.End().Plans < 1 {
				t.Errorf("end %+v, want %q", r.End(), end.says)
			}
			ctx = t.Context()
		}
		if w := ask(h, "GET", "/api/v1/pools/ws/record"); w.Code == 200 {
			t.Error("a pool that has ended is recorded")
		}
		cancel()
		stop()
	})
}

func TestWhatCannotBeRecorded(t *testing.T) {
	o, stop := recordable(t)
	defer stop()
	h := handler(t, o)
	o.TokenFile = withToken(t, "s3cret")
	guarded := handler(t, o)
	for path, code := range map[string]int{
		"/api/v1/pools/other/record":       404,
		"/api/v1/pools/ws/record?for=2h":   400,
		"/api/v1/pools/ws/record?for=0s":   400,
		"/api/v1/pools/ws/record?for=soon": 400,
	} {
		if w := ask(h, "GET", path); w.Code != code || !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if w := ask(guarded, "GET", path, arriving("127.0.0.1", "")); w.Code != 401 {
			t.Errorf("%s without the token: %d", path, w.Code)
		}
		if w := ask(guarded, "GET", path, arriving("10.0.0.1", "Bearer s3cret")); w.Code != code {
			t.Errorf("%s with the token: %d", path, w.Code)
		}
		if w := ask(h, "GET", path, arriving("10.0.0.1", "")); w.Code != 403 {
			t.Errorf("%s from afar: %d", path, w.Code)
		}
	}
}
