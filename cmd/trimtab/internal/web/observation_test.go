package web

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
)

func observed() Options {
	o := options(good())
	o.Observe = func(_ context.Context, pool string) (observation.Document, error) {
		if pool != "ws" {
			return observation.Document{}, fmt.Errorf("%w: no such pool: %q; there are ws", ErrNotFound, pool)
		}
		return observation.Document{Version: observation.Version, Pool: pool}, nil
	}
	return o
}

func TestObservation(t *testing.T) {
	w := ask(handler(t, observed()), "GET", "/api/v1/pools/ws/observation")
	var d observation.Document
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != 200 || d.Pool != "ws" || d.Program != "1.2.3" {
		t.Errorf("%d %v %s", w.Code, err, w.Body)
	}
	w = ask(handler(t, observed()), "GET", "/api/v1/pools/sw/observation")
	if w.Code != 404 || !strings.Contains(w.Body.String(), "there are ws") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// What was seen is for whoever may see the status; recordings are not.
func TestObservationNeedsNoToken(t *testing.T) {
	o := observed()
	record, stop := recordable(t)
	defer stop()
	o.Record, o.TokenFile = record.Record, withToken(t, "s3cret")
	h := handler(t, o)
	for path, code := range map[string]int{
		"/api/v1/pools/ws/observation":             200,
		"/api/v1/pools/ws/record":                  401,
		"/api/v1/pools/ws%2Fobservation/record":    401,
		"/api/v1/pools/observation/record":         401,
		"/api/v1/pools/ws/record?for=/observation": 401,
	} {
		if w := ask(h, "GET", path, arriving("10.0.0.1", "")); w.Code != code {
			t.Errorf("%s: %d, want %d", path, w.Code, code)
		}
	}
	if w := ask(h, "POST", "/api/v1/pools/ws/observation", arriving("10.0.0.1", "")); w.Code != 401 {
		t.Errorf("POST: %d", w.Code)
	}
}
