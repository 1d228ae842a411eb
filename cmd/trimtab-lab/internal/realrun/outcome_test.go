package realrun

import (
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
)

func TestSaysWhyARunDoesNotCount(t *testing.T) {
	limit := load.Validity{Limit: time.Millisecond}
	for name, test := range map[string]struct {
		run  PolicyRun
		says string
	}{
		"fine":             {PolicyRun{Validity: limit}, ""},
		"late sender":      {PolicyRun{Validity: load.Validity{Limit: time.Millisecond, SendLate: load.Quantiles{P99: 2 * time.Millisecond}}}, "were sent"},
		"late answer":      {PolicyRun{Validity: limit, CompletionLateP99: 2 * time.Millisecond}, "answers left 2ms late"},
		"long way":         {PolicyRun{Validity: limit, Result: load.Result{Overhead: load.Quantiles{P50: 2 * time.Millisecond}}}, "on the way"},
		"not sent":         {PolicyRun{Validity: limit, Result: load.Result{Errors: load.Errors{NotSent: 3}}}, "3 requests or connections were not sent"},
		"late connections": {PolicyRun{Validity: limit, Connections: load.ClientResult{OpenLate: load.Quantiles{P99: time.Second}}}, "open 1s late"},
		"broken off":       {PolicyRun{Validity: limit, Connections: load.ClientResult{Lost: 2}, seen: seen{steady: true}}, "2 connections broke off"},
		"lab at its limit": {PolicyRun{Validity: limit, CompletionLateP99: time.Second, LabCPU: 1e6}, "GOMAXPROCS"},
		"busy and on time": {PolicyRun{Validity: limit, LabCPU: 1e6}, ""},
		"ended":            {PolicyRun{Validity: limit, Connections: load.ClientResult{Lost: 2}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			test.run.Policy, test.run.Seed = "equal", 7
			why := strings.Join(test.run.Invalid(), "\n")
			if (why == "") != (test.says == "") || !strings.Contains(why, test.says) || why != "" && !strings.HasPrefix(why, "seed 7, equal: ") {
				t.Errorf("%q does not say %q", why, test.says)
			}
		})
	}
}
