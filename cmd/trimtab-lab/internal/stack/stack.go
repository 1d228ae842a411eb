package stack

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// Stack is one proxy with its backends, running.
type Stack struct {
	Backends []*backend.Backend
	Proxy    Proxy
	// Addr is the host:port that the proxy serves at.
	Addr string
	// Socket is the path of HAProxy's stats socket, "" of an Envoy.
	Socket string

	// shared backends are not the stack's to close.
	shared bool
}

// Proxy is what stands in front of the backends.
type Proxy interface {
	// Servers tells what is in force, whoever has set it, in the order of the
	// configuration.
	Servers(ctx context.Context) ([]Server, error)
	// PID is the process that does the work.
	PID() int
	// Stop ends it and waits.
	Stop() error
}

// Server is what a proxy says of one of its servers.
type Server struct {
	Name string
	// Status is in the proxy's own words.
	Status string
	// Weight is the one set: 0 to 256 in HAProxy, 1 and above in Envoy, and 0
	// there for one that Envoy does not know.
	Weight int
	// Current is the streams open now, Total those ever sent there.
	Current, Total int
}

// StartHAProxy starts the backends and then HAProxy. The caller has to call
// Close.
func StartHAProxy(ctx context.Context, opts HAProxyOptions) (_ *Stack, err error) {
	if err := opts.setDefaults(); err != nil {
		return nil, err
	}
	backends, closeStarted, err := runningOr(ctx, opts.Running, opts.Backends)
	if err != nil {
		return nil, err
	}
	in, err := instance.Start(ctx, instance.Options{
		Binary: opts.Binary, Dir: opts.Dir, Config: opts.config(addresses(backends)), Listeners: 1,
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("stack: %w", err), closeStarted())
	}
	s := BehindHAProxy(in, backends...)
	s.shared = opts.Running != nil
	return s, nil
}

// BehindHAProxy is the stack of a HAProxy with a configuration of its own: load
// goes to its first listener, and the backends are the servers of the section
// [Pool]. The stack closes all of them.
func BehindHAProxy(in *instance.Instance, backends ...*backend.Backend) *Stack {
	return &Stack{Backends: backends, Proxy: &haproxy{Instance: in}, Addr: in.Addr(0), Socket: in.Socket()}
}

// URL is where load goes.
func (s *Stack) URL() string { return "http://" + s.Addr + "/" }

// Close stops the proxy and its own backends and waits for them.
func (s *Stack) Close() error {
	err := s.Proxy.Stop()
	if s.shared {
		return err
	}
	return errors.Join(err, CloseBackends(s.Backends))
}

// runningOr returns the backends that are running, or starts some and returns how
// to close these.
func runningOr(ctx context.Context, running []*backend.Backend, configs []backend.Config) (_ []*backend.Backend, closeStarted func() error, _ error) {
	if running != nil {
		return running, func() error { return nil }, nil
	}
	started, err := StartBackends(ctx, configs)
	return started, func() error { return CloseBackends(started) }, err
}

// StartBackends starts all or none. The caller has to call [CloseBackends].
func StartBackends(ctx context.Context, configs []backend.Config) ([]*backend.Backend, error) {
	var all []*backend.Backend
	for _, c := range configs {
		b, err := backend.Start(ctx, c)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("stack: %w", err), CloseBackends(all))
		}
		all = append(all, b)
	}
	return all, nil
}

// CloseBackends closes all at once and waits for them.
func CloseBackends(backends []*backend.Backend) error {
	errs := make([]error, len(backends))
	var closing sync.WaitGroup
	for i, b := range backends {
		closing.Go(func() { errs[i] = b.Close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}

func addresses(backends []*backend.Backend) []string {
	all := make([]string, len(backends))
	for i, b := range backends {
		all[i] = b.Addr()
	}
	return all
}

// usage is what the backends had done at an instant.
type usage struct {
	at   time.Time
	busy []float64 // core-seconds
}

func (s *Stack) usage() usage {
	u := usage{at: time.Now()}
	for _, b := range s.Backends {
		u.busy = append(u.busy, b.Totals().BusySeconds)
	}
	return u
}

// utilization is busy cores over cores between the two instants, by backend.
func (s *Stack) utilization(from, to usage) []float64 {
	share := make([]float64, len(s.Backends))
	for i, b := range s.Backends {
		share[i] = (to.busy[i] - from.busy[i]) / to.at.Sub(from.at).Seconds() / b.Config().Cores
	}
	return share
}

// takeCompletionLate is how late answers left, over all backends, since the
// last call, in microseconds.
func (s *Stack) takeCompletionLate() *hdrhistogram.Histogram {
	all := s.Backends[0].TakeCompletionLate()
	for _, b := range s.Backends[1:] {
		all.Merge(b.TakeCompletionLate())
	}
	return all
}

// imbalance is the largest over the mean, 1 for none; 1 as well if all are 0.
func imbalance(share []float64) float64 {
	var largest, sum float64
	for _, u := range share {
		largest, sum = max(largest, u), sum+u
	}
	if sum == 0 {
		return 1
	}
	return largest * float64(len(share)) / sum
}
