package demo

import (
	"errors"
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/load"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/realtime"
)

// Options say how the demo is run. Zero durations mean those of Defaults.
type Options struct {
	// Proxy is what the demo is shown on, HAProxy by default.
	Proxy Proxy
	// Trimtab is the path of the program under demonstration. "" leaves its
	// proxy out, to judge the lab itself.
	Trimtab string
	// Binary is the path of the proxy, "" for the one that is found.
	Binary string
	Seed   uint64
	// MeanDemand is the mean work of a request. The rate follows from it.
	MeanDemand time.Duration
	// Warmup is not counted, Measure is.
	Warmup, Measure time.Duration
	// Fail is how long the backend fails; Return how long it may take at most
	// to be in service again after it is well.
	Fail, Return time.Duration
	// Scheduling is what the process runs at, for the record.
	Scheduling realtime.Class
}

// Defaults are the demo's own durations, under five minutes together even if
// one measurement has to be repeated.
func Defaults() Options {
	return Options{
		Proxy: HAProxy, Seed: 1, MeanDemand: 20 * time.Millisecond,
		Warmup: 45 * time.Second, Measure: time.Minute,
		Fail: 25 * time.Second, Return: 40 * time.Second,
		Scheduling: realtime.Normal,
	}
}

// Short are durations to try the demo's workings, too short for its figures.
func Short() Options {
	o := Defaults()
	o.Warmup, o.Measure, o.Fail, o.Return = 10*time.Second, 10*time.Second, 8*time.Second, 10*time.Second
	return o
}

// grace is how long after the failure errors are not held against anyone.
const grace = 3 * time.Second

func (o *Options) setDefaults() error {
	d := Defaults()
	if o.Proxy == "" {
		o.Proxy = d.Proxy
	}
	if o.Proxy != HAProxy && o.Proxy != Envoy {
		return fmt.Errorf("demo: proxy %q is neither %s nor %s", o.Proxy, HAProxy, Envoy)
	}
	for _, v := range []struct {
		to      *time.Duration
		initial time.Duration
	}{
		{&o.MeanDemand, d.MeanDemand}, {&o.Warmup, d.Warmup}, {&o.Measure, d.Measure}, {&o.Fail, d.Fail}, {&o.Return, d.Return},
	} {
		if *v.to == 0 {
			*v.to = v.initial
		}
		if *v.to < 0 {
			return errors.New("demo: a duration is negative")
		}
	}
	if o.Fail <= grace {
		return fmt.Errorf("demo: the backend has to fail for more than %v, which are not counted", grace)
	}
	return nil
}

const (
	// loadShare is the share of the pool's capacity that is asked for.
	loadShare = 0.7
	// failing is the index of the backend that fails in the second act, one of
	// the 4-core ones.
	failing = 2
)

// cores are the backends' capacities.
func cores() []float64 { return []float64{8, 8, 4, 4, 2} }

// equal and known are the weights of who knows nothing and who knows all.
func equal() []int { return []int{100, 100, 100, 100, 100} }
func known() []int { return []int{256, 256, 128, 128, 64} }

func (o Options) rate() float64 {
	sum := 0.0
	for _, c := range cores() {
		sum += c
	}
	return loadShare * sum / o.MeanDemand.Seconds()
}

// planned is how long it takes if nothing has to be repeated.
func (o Options) planned() time.Duration {
	return o.Warmup + o.Measure + o.Fail + o.Return
}

// trace is as long as it may take at worst.
func (o Options) trace() (load.Trace, error) {
	const margin = 30 * time.Second
	return load.Poisson(load.Shape{
		Seed: o.Seed, Rate: o.rate(), MeanDemand: o.MeanDemand,
		Length: o.Warmup + load.Attempts*(o.Measure+o.Fail+o.Return) + margin,
	})
}
