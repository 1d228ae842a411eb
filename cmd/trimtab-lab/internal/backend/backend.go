package backend

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/prometheus/client_golang/prometheus"
)

// Config describes one backend.
type Config struct {
	// Name is sent with every reply in the header X-Backend.
	Name string
	// Cores is how many requests advance at full speed; more share them.
	// It need not be whole; it must be positive.
	Cores float64
	// Speed is the work served per core and second; 0 means 1.
	Speed float64
	// Listen is host:port; "" means 127.0.0.1:0.
	Listen string
	// SocketLife is the mean life of a WebSocket, after which the backend
	// closes it; lives are exponential. 0 leaves closing to the client.
	SocketLife time.Duration
	// Seed makes the lives of WebSockets repeatable.
	Seed uint64
	// ReportWindow is what a load report averages over; 0 means 1 s.
	ReportWindow time.Duration
	// Report is what is reported instead of the truth; false is that nothing is.
	// nil is the truth.
	Report func() (Report, bool)
	// InBand puts the report into every answer to a request, too, in the header
	// endpoint-load-metrics that Envoy reads.
	InBand bool
}

func (c *Config) setDefaults() error {
	if c.Speed == 0 {
		c.Speed = 1
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:0"
	}
	if c.ReportWindow == 0 {
		c.ReportWindow = time.Second
	}
	var errs []error
	if !(c.Cores > 0) || math.IsInf(c.Cores, 1) {
		errs = append(errs, fmt.Errorf("cores %v is not a positive number", c.Cores))
	}
	if !(c.Speed > 0) || math.IsInf(c.Speed, 1) {
		errs = append(errs, fmt.Errorf("speed %v is not a positive number", c.Speed))
	}
	if c.SocketLife < 0 || c.ReportWindow < 0 {
		errs = append(errs, errors.New("a duration is negative"))
	}
	return errors.Join(errs...)
}

// Backend is one emulated server that is running. All methods may be called
// concurrently.
type Backend struct {
	cfg      Config
	reserved *reservation
	station  *station
	gate     gate
	registry *prometheus.Registry

	rngMu sync.Mutex
	rng   *rand.Rand

	// switching serialises SetFaults and Close, which open and close the server.
	switching sync.Mutex
	server    *server // nil while it refuses
	closed    bool

	mu        sync.RWMutex
	faults    Faults
	condition Condition
}

// Start opens the backend's port and serves until Close.
func Start(ctx context.Context, cfg Config) (*Backend, error) {
	if err := cfg.setDefaults(); err != nil {
		return nil, fmt.Errorf("backend %s: %w", cfg.Name, err)
	}
	reserved, err := reserve(cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("backend %s: %w", cfg.Name, err)
	}
	st, err := newStation(cfg.Cores, cfg.Speed, cfg.ReportWindow)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("backend %s: %w", cfg.Name, err), reserved.release())
	}
	b := &Backend{
		cfg: cfg, reserved: reserved, station: st,
		rng:      rand.New(rand.NewPCG(cfg.Seed, 0)),
		registry: prometheus.NewRegistry(), condition: cfg.healthy(),
	}
	b.registry.MustRegister(collector{b})
	if err := b.serve(ctx); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Config is what the backend was started with, defaults filled in.
func (b *Backend) Config() Config { return b.cfg }

// Addr is the host:port that the backend serves at, or refuses connections at.
func (b *Backend) Addr() string { return b.reserved.addr }

// Faults is what is wrong with the backend now.
func (b *Backend) Faults() Faults {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.faults
}

// SetFaults makes f what is wrong with the backend, from now on and for work
// in progress too. On an error nothing has changed, except that a backend that
// cannot listen again goes on refusing.
func (b *Backend) SetFaults(ctx context.Context, f Faults) error {
	if err := f.Validate(); err != nil {
		return fmt.Errorf("backend %s: faults: %w", b.cfg.Name, err)
	}
	return b.change(ctx, func(faults *Faults, _ *Condition) { *faults = f })
}

// TakeCompletionLate returns a histogram, in microseconds, of how much later
// than they were finished requests could be answered, since the last call.
func (b *Backend) TakeCompletionLate() *hdrhistogram.Histogram { return b.station.takeLate() }

// Close ends what is in progress and frees the port. Closing twice is harmless.
func (b *Backend) Close() error {
	b.switching.Lock()
	defer b.switching.Unlock()
	if b.closed {
		return nil
	}
	b.closed = true
	err := b.unserve()
	b.station.close()
	return errors.Join(err, b.reserved.release())
}

func (b *Backend) serve(ctx context.Context) error {
	l, err := b.reserved.listen(ctx)
	if err != nil {
		return fmt.Errorf("backend %s: listen on %s: %w", b.cfg.Name, b.reserved.addr, err)
	}
	b.server = newServer(l, b.routes)
	return nil
}

func (b *Backend) unserve() error {
	if b.server == nil {
		return nil
	}
	err := b.server.close()
	b.server = nil
	if err != nil {
		return fmt.Errorf("backend %s: %w", b.cfg.Name, err)
	}
	return nil
}

// life draws how long a WebSocket lives, 0 for as long as its client wants.
func (b *Backend) life() time.Duration {
	if b.cfg.SocketLife == 0 {
		return 0
	}
	b.rngMu.Lock()
	defer b.rngMu.Unlock()
	return max(1, time.Duration(b.rng.ExpFloat64()*float64(b.cfg.SocketLife)))
}

// fails draws whether a request fails at once.
func (b *Backend) fails() bool {
	return rand.Float64() < b.Faults().FailShare
}
