package haproxy

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ExternalChanges says what happens to a weight that someone else has set.
type ExternalChanges string

const (
	// Respect leaves it alone, until it is put back to what trimtab had set or
	// HAProxy is restarted.
	Respect ExternalChanges = "respect"
	// Override sets trimtab's weight again.
	Override ExternalChanges = "override"
)

// Config describes one HAProxy.
type Config struct {
	// Socket is its stats socket: a path, unix@path or host:port.
	Socket string
	// ConfigFile, when readable, tells the balancing algorithms where the socket
	// does not. It is never written.
	ConfigFile string
	// PollInterval is how often its counters are read; default 200 ms. It is
	// stretched up to a second when reading costs HAProxy more than 3 % of it.
	PollInterval time.Duration
	// ExternalChanges defaults to Respect.
	ExternalChanges ExternalChanges
	// DisableAgents switches the agent-checks of tuned servers off for as long
	// as trimtab tunes them.
	DisableAgents bool
	// Logger defaults to none.
	Logger *slog.Logger
}

const (
	defaultPoll = 200 * time.Millisecond
	slowestPoll = time.Second
	// pollShare is how many times as long as an exchange the pause after it is.
	pollShare = 30
	// infoEvery and initialEvery are how often the process and the configured
	// weights are looked at again.
	infoEvery    = 500 * time.Millisecond
	initialEvery = 30 * time.Second
	// replacedPause is what a new worker is given to take the socket over.
	replacedPause = 20 * time.Millisecond
	// dumpAll is the number of backends from which on one dump of everything is
	// cheaper than one each.
	dumpAll = 16
)

// Proxy is one HAProxy seen through its stats socket. Run polls it; the
// backends that [Proxy.Backend] returns share what it reads.
type Proxy struct {
	config    Config
	log       *slog.Logger
	session   *Session
	algorithm map[string]string // by backend, from the configuration file

	mu       sync.Mutex
	backends map[string]*Backend
	polled   chan struct{} // closed at the end of the poll under way

	state atomic.Pointer[pollState]
	stats counters

	// Owned by Run.
	parser      *statParser
	process     process
	generation  int
	connects    uint64
	infoAt      time.Time
	initialAt   time.Time
	initial     map[[2]string]int
	initialLack bool
}

// pollState is the outcome of the newest poll.
type pollState struct {
	at       time.Time // when it ended
	err      error
	interval time.Duration // until the next one
}

type counters struct {
	polls, pollErrors, external atomic.Uint64
	lastPoll                    atomic.Int64
}

// Stats are counts since the start, for metrics.
type Stats struct {
	Polls, PollErrors, Connects, Commands, Failures, ExternalChanges uint64
	LastPoll                                                         time.Duration
}

// New returns a proxy; nothing is connected until it is used.
func New(c Config) (*Proxy, error) {
	if c.PollInterval <= 0 {
		c.PollInterval = defaultPoll
	}
	switch c.ExternalChanges {
	case "":
		c.ExternalChanges = Respect
	case Respect, Override:
	default:
		return nil, fmt.Errorf("haproxy %s: external changes %q: expected %q or %q", c.Socket, c.ExternalChanges, Respect, Override)
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	session, err := NewSession(c.Socket)
	if err != nil {
		return nil, fmt.Errorf("haproxy: %w", err)
	}
	p := &Proxy{
		config: c, session: session, backends: map[string]*Backend{}, polled: make(chan struct{}),
		parser: newStatParser(), initial: map[[2]string]int{},
	}
	p.log = c.Logger.With("proxy", p.Name())
	if c.ConfigFile != "" {
		if p.algorithm, err = readAlgorithms(c.ConfigFile); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// Name is how people know the proxy, and the Report.Origin of its reports.
func (p *Proxy) Name() string { return "haproxy:" + p.config.Socket }

// Stats returns what has been counted.
func (p *Proxy) Stats() Stats {
	return Stats{
		Polls: p.stats.polls.Load(), PollErrors: p.stats.pollErrors.Load(),
		Connects: p.session.connects.Load(), Commands: p.session.commands.Load(), Failures: p.session.failures.Load(),
		ExternalChanges: p.stats.external.Load(), LastPoll: time.Duration(p.stats.lastPoll.Load()),
	}
}

// Close ends the connection.
func (p *Proxy) Close() { p.session.Close() }

// Backend returns the backend of that name; the same one each time.
func (p *Proxy) Backend(name string) *Backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := p.backends[name]
	if b == nil {
		b = newBackend(p, name)
		p.backends[name] = b
	}
	return b
}

func (p *Proxy) list() []*Backend {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]*Backend, 0, len(p.backends))
	for _, b := range p.backends {
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b *Backend) int { return strings.Compare(a.name, b.name) })
	return out
}

// Run polls until ctx ends. It outlives every failure of HAProxy: a poll that
// fails is logged once, and the next one tries again.
func (p *Proxy) Run(ctx context.Context) {
	defer p.session.Close()
	failing := false
	for ctx.Err() == nil {
		began := time.Now()
		err := p.poll(ctx)
		took := time.Since(began)
		p.stats.polls.Add(1)
		p.stats.lastPoll.Store(int64(took))
		interval := max(p.config.PollInterval, min(pollShare*took, slowestPoll))
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			if errors.Is(err, errReplaced) {
				p.log.Info("HAProxy was reloaded; connecting to the new process")
				pause(ctx, replacedPause)
				continue
			}
			p.stats.pollErrors.Add(1)
			interval = p.config.PollInterval
			if !failing {
				p.log.Error("HAProxy cannot be read", "error", err)
			}
		} else if failing {
			p.log.Info("HAProxy can be read again")
		}
		failing = err != nil
		p.publish(&pollState{at: time.Now(), err: err, interval: interval})
		pause(ctx, interval-time.Since(began))
	}
}

func (p *Proxy) publish(s *pollState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state.Store(s)
	close(p.polled)
	p.polled = make(chan struct{})
}

// fresh waits until the newest poll is no older than one that was missed, and
// returns its error.
func (p *Proxy) fresh(ctx context.Context) error {
	for {
		p.mu.Lock()
		polled := p.polled
		p.mu.Unlock()
		if s := p.state.Load(); s != nil && time.Since(s.at) < s.interval+p.config.PollInterval {
			return s.err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: waiting for a poll: %w", p.session.name, ctx.Err())
		case <-polled:
		}
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
