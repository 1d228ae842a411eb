package web

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

func TestHealthy(t *testing.T) {
	now := time.Now()
	stopped := with(func(s *tuner.Snapshot) { s.Plan.At = now.Add(-4 * time.Second) })
	if err := Healthy([]*tuner.Snapshot{good(), nil}, now, time.Second); err != nil {
		t.Errorf("error %v while every pool steps", err)
	}
	err := Healthy([]*tuner.Snapshot{good(), stopped}, now, time.Second)
	if err == nil || !strings.Contains(err.Error(), "pool ws: last step 4s ago, want every 1s") {
		t.Errorf("error %v, want the pool that stopped", err)
	}
}
