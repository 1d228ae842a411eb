package haproxy

import (
	"fmt"
	"log/slog"
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
	// MasterSocket is the socket of the master process (haproxy -S), a path,
	// unix@path or host:port: through it, the connections that reloads have left
	// to old workers are counted and closed. Optional; Run asks it once a second.
	MasterSocket string
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
	// pollShare is how many times as long as the quickest exchange an interval is
	// at least. The work of both sides is up to three times as long as that, on
	// two processors: 3 % of a core. Simulated, two polls a second instead of five
	// cost half a per cent of the tail.
	pollShare = 100
	// pollMemory is the number of exchanges the quickest of which is taken for
	// what HAProxy works for one: in the others this program or its neighbours
	// were slow.
	pollMemory = 8
	// infoEvery and initialEvery are how often the process and the configured
	// weights are looked at again.
	infoEvery    = 500 * time.Millisecond
	initialEvery = 30 * time.Second
	// replacedPause is what a new worker is given to take the socket over.
	replacedPause = 20 * time.Millisecond
	// headerRows is how many servers' rows a dump's header is worth.
	headerRows = 8
)

// Proxy is one HAProxy seen through its stats socket. Run polls it; the
// backends that [Proxy.Backend] returns share what it reads.
type Proxy struct {
	config  Config
	log     *slog.Logger
	session *Session
	// file is what the configuration file says, nil when that is not known.
	file atomic.Pointer[map[string]fileBackend]
	// old is nil without a master socket.
	old     *oldWorkers
	unasked unasked
	closers *closers

	mu       sync.Mutex
	backends map[string]*Backend
	polled   chan struct{} // closed at the end of the poll under way

	state   atomic.Pointer[pollState]
	running atomic.Bool
	stats   counters

	// reading is held for a poll, which owns the fields below.
	reading     sync.Mutex
	parser      *statParser
	process     process
	replaced    int64 // the pid of the process before
	generation  int
	connects    uint64
	infoAt      time.Time
	initialAt   time.Time
	initial     map[[2]string]int
	initialLack bool
	// ids are HAProxy's numbers of backends: a frontend may have the same name,
	// and "show stat NAME" takes that. total is how many servers all have.
	ids   map[string]int64
	total int
	// servers is room for what a poll finds of one backend.
	servers []server
	// quick are how long the newest polls took.
	quick [pollMemory]time.Duration
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
		parser: newStatParser(), initial: map[[2]string]int{}, ids: map[string]int64{},
	}
	p.log = c.Logger.With("proxy", p.Name())
	if p.old, err = newOldWorkers(c.MasterSocket, p.log); err != nil {
		return nil, fmt.Errorf("haproxy: master: %w", err)
	}
	if p.closers, err = newClosers(c.Socket, c.MasterSocket); err != nil {
		return nil, fmt.Errorf("haproxy: %w", err)
	}
	if err := p.readConfigFile(); err != nil {
		return nil, err
	}
	return p, nil
}

// Name is how people know the proxy.
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

// Backend returns the backend of that name; the same one each time. HAProxy
// reads for it only while somebody runs its Reports or Members, or applies.
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
