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

// Stack is one HAProxy with its backends, running.
type Stack struct {
	Backends []*backend.Backend
	Proxy    *instance.Instance
}

// Start starts the backends and then HAProxy. The caller has to call Close.
func Start(ctx context.Context, opts Options) (_ *Stack, err error) {
	if err := opts.setDefaults(); err != nil {
		return nil, err
	}
	s := &Stack{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	var addrs []string
	for _, cfg := range opts.Backends {
		b, err := backend.Start(ctx, cfg)
		if err != nil {
			return nil, fmt.Errorf("stack: %w", err)
		}
		s.Backends = append(s.Backends, b)
		addrs = append(addrs, b.Addr())
	}
	s.Proxy, err = instance.Start(ctx, instance.Options{
		Binary: opts.Binary, Dir: opts.Dir, Config: opts.config(addrs), Listeners: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("stack: %w", err)
	}
	return s, nil
}

// Addr is the host:port that HAProxy serves at.
func (s *Stack) Addr() string { return s.Proxy.Addr(0) }

// URL is where load goes.
func (s *Stack) URL() string { return "http://" + s.Addr() + "/" }

// Socket is the path of HAProxy's stats socket.
func (s *Stack) Socket() string { return s.Proxy.Socket() }

// Close stops HAProxy and the backends and waits for them.
func (s *Stack) Close() error {
	errs := make([]error, len(s.Backends)+1)
	if s.Proxy != nil {
		errs[0] = s.Proxy.Stop()
	}
	var closing sync.WaitGroup
	for i, b := range s.Backends {
		closing.Go(func() { errs[i+1] = b.Close() })
	}
	closing.Wait()
	return errors.Join(errs...)
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
