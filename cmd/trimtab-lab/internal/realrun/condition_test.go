package realrun

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

func TestEmulatesConditions(t *testing.T) {
	b := simulate.Backend{Cores: 4, Speed: 2, Distance: time.Second}
	for name, test := range map[string]struct {
		do   func(*simulate.Condition)
		want func(*backend.Condition)
	}{
		"healthy":   {func(*simulate.Condition) {}, func(*backend.Condition) {}},
		"neighbour": {func(c *simulate.Condition) { c.Cores, c.Taken = 0.5, 1 }, func(c *backend.Condition) { c.Cores = 1 }},
		"none left": {func(c *simulate.Condition) { c.Taken = 5 }, func(c *backend.Condition) { c.Cores = 0 }},
		"cold":      {func(c *simulate.Condition) { c.Speed = 0.25 }, func(c *backend.Condition) { c.Speed = 0.5 }},
		"farther":   {func(c *simulate.Condition) { c.Distance = time.Second }, func(c *backend.Condition) { c.Distance = 2 * time.Second }},
		"waits":     {func(c *simulate.Condition) { c.Wait = 3 }, func(c *backend.Condition) { c.WaitFactor = 3 }},
		"errors":    {func(c *simulate.Condition) { c.Errors = 0.4 }, func(c *backend.Condition) { c.ErrorShare = 0.4 }},
		"hangs":     {func(c *simulate.Condition) { c.Hanging = true }, func(c *backend.Condition) { c.Hang = simulate.DefaultTimeout }},
		"restarts":  {func(c *simulate.Condition) { c.Killed = true }, func(c *backend.Condition) { c.Away = true }},
		"absent":    {func(c *simulate.Condition) { c.Absent = true }, func(*backend.Condition) {}},
	} {
		t.Run(name, func(t *testing.T) {
			in, want := simulate.Healthy(), backend.Condition{Cores: 4, Speed: 2, Distance: time.Second, WaitFactor: 1}
			test.do(&in)
			test.want(&want)
			if diff := cmp.Diff(want, emulated(&simulate.Scenario{}, &b, &in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCapacityIsTheHintOrTheWeight(t *testing.T) {
	for _, test := range []struct {
		b    simulate.Backend
		c    simulate.Condition
		want float64
	}{
		{simulate.Backend{}, simulate.Condition{Weight: 1}, 1},
		{simulate.Backend{Weight: 3}, simulate.Condition{Weight: 2}, 6},
		{simulate.Backend{Weight: 3, CapacityHint: 8}, simulate.Condition{Weight: 2}, 8},
		{simulate.Backend{Weight: 3, CapacityHint: 8}, simulate.Condition{Weight: 2, CapacityHint: 9}, 9},
	} {
		if got := capacity(&test.b, &test.c); got != test.want {
			t.Errorf("%+v, %+v: %v, want %v", test.b, test.c, got, test.want)
		}
	}
}
