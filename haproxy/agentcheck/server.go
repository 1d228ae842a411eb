package agentcheck

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/accept"
)

const (
	defaultDeadline       = time.Second
	defaultMaxConnections = 1024
)

// Config describes a server.
type Config struct {
	// Listen is the host:port that HAProxies connect to. There is no secret in
	// what they are told, but whoever may ask learns the names of backends that
	// he guesses: listen where only proxies come, or name them in Allow.
	Listen string
	// Allow are the networks whose connections are answered; empty means all.
	Allow []netip.Prefix
	// Deadline bounds a connection from beginning to end; default 1 s.
	Deadline time.Duration
	// MaxConnections is how many may be open at once; default 1024. What comes
	// in excess is closed unanswered, which changes nothing for HAProxy.
	MaxConnections int
	// Logger defaults to none.
	Logger *slog.Logger
}

// Stats are counts since the start, for metrics.
type Stats struct {
	// Asked is the connections that sent a request; the next three say what
	// became of it. Answered got a weight or a state. Held is known, but there
	// was no plan, an old one, or one that is not to be carried out. Unknown is
	// a backend that no plan has.
	Asked, Answered, Held, Unknown uint64
	// Malformed sent no proper request or none in time, Failed broke off,
	// Refused came from elsewhere than allowed or were too many.
	Malformed, Failed, Refused uint64
}

// Server is one TCP listener for the agent-checks of any number of HAProxies
// and pools.
type Server struct {
	config   Config
	log      *slog.Logger
	listener net.Listener
	notes    *notebook
	networks atomic.Pointer[[]netip.Prefix]

	mu     sync.Mutex
	boards map[string]*board

	stats struct {
		asked, answered, held, unknown, malformed, failed, refused atomic.Uint64
	}
}

// Listen opens the listener; Run answers. The caller ends Run's context, or
// calls Close where Run was never called.
func Listen(ctx context.Context, c Config) (*Server, error) {
	if c.Deadline <= 0 {
		c.Deadline = defaultDeadline
	}
	if c.MaxConnections <= 0 {
		c.MaxConnections = defaultMaxConnections
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if err := checkNetworks(c.Listen, c.Allow); err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("agent-check: %w", err)
	}
	log := c.Logger.With("listener", "agent-check:"+c.Listen)
	s := &Server{config: c, log: log, listener: l, notes: newNotebook(log), boards: map[string]*board{}}
	s.networks.Store(&c.Allow)
	return s, nil
}

func checkNetworks(listen string, networks []netip.Prefix) error {
	for i, prefix := range networks {
		if !prefix.IsValid() {
			return fmt.Errorf("agent-check %s: network %d of those allowed is not valid", listen, i+1)
		}
	}
	return nil
}

// Allow replaces the networks whose connections are answered; none means all. It
// counts from the next connection on and is safe for concurrent use.
func (s *Server) Allow(networks []netip.Prefix) error {
	if err := checkNetworks(s.config.Listen, networks); err != nil {
		return err
	}
	networks = slices.Clone(networks)
	s.networks.Store(&networks)
	return nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Name is how people know the server and its targets.
func (s *Server) Name() string { return "agent-check:" + s.config.Listen }

// Close ends the listener.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	return nil
}

// Stats returns what has been counted. It is safe for concurrent use.
func (s *Server) Stats() Stats {
	return Stats{
		Asked: s.stats.asked.Load(), Answered: s.stats.answered.Load(), Held: s.stats.held.Load(), Unknown: s.stats.unknown.Load(),
		Malformed: s.stats.malformed.Load(), Failed: s.stats.failed.Load(), Refused: s.stats.refused.Load(),
	}
}

// Run answers until ctx ends, closes the listener and every connection, and
// returns nil when all goroutines that it started have ended. An error means
// that the listener is broken.
func (s *Server) Run(ctx context.Context) error {
	server := accept.Server{
		Max: s.config.MaxConnections, Handle: s.serve,
		Refuse: func(conn net.Conn) { s.refuse(conn, "too many connections at once") },
		Failed: func(err error) { s.log.Error("connections cannot be taken", "error", err) },
	}
	if err := server.Serve(ctx, s.listener); err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	return nil
}

// allowed says whether an address is in one of the networks allowed.
func (s *Server) allowed(from netip.Addr) bool {
	networks := *s.networks.Load()
	return len(networks) == 0 ||
		slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(from) })
}
