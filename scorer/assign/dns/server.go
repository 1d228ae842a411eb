package dns

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	miekg "github.com/miekg/dns"
	"github.com/trimtab-lb/trimtab/scorer/accept"
	"github.com/trimtab-lb/trimtab/scorer/assign/ratelimit"
)

const (
	defaultMaxConnections = 1024
	queryTimeout          = 2 * time.Second
	idleTimeout           = 8 * time.Second
	stopTimeout           = time.Second
	// strangers is how often a network is answered a second that asks for what is not
	// served here.
	strangers = 10
	// bindAttempts is how many ports are tried for one that is free for UDP and TCP.
	bindAttempts = 16
)

// Config describes a server.
type Config struct {
	// Listen is host:port, for UDP and TCP.
	Listen string
	// MaxConnections is how many TCP connections may be open at once; more wait.
	// Default 1024. Of one address (an IPv6 /56) there may be an eighth.
	MaxConnections int
	// Logger defaults to none.
	Logger *slog.Logger
}

// Server is a name server for any number of zones.
type Server struct {
	config  Config
	log     *slog.Logger
	packets net.PacketConn
	streams net.Listener
	// queryTimeout is how long a client has for sending a query, and for taking an answer.
	queryTimeout time.Duration
	// limiter is for queries that no zone is asked by.
	limiter *ratelimit.Limiter
	limited atomic.Uint64

	mu    sync.Mutex // of who replaces zones
	zones atomic.Pointer[map[string]*Target]
}

// Listen opens both sockets; Run answers. The caller ends Run's context, or calls
// Close where Run was never called.
func Listen(ctx context.Context, c Config) (*Server, error) {
	if c.MaxConnections <= 0 {
		c.MaxConnections = defaultMaxConnections
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Server{config: c, queryTimeout: queryTimeout, limiter: ratelimit.New(ratelimit.Config{PerSecond: strangers, Burst: 2 * strangers, IPv4: 24, IPv6: 56})}
	s.log = c.Logger.With("listener", s.Name())
	s.zones.Store(&map[string]*Target{})
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name(), err)
	}
	for range bindAttempts {
		if err = s.bind(ctx, host, port); err == nil || port != "0" {
			break // whoever asks for any port gets one that is free for both
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name(), err)
	}
	return s, nil
}

func (s *Server) bind(ctx context.Context, host, port string) (err error) {
	var lc net.ListenConfig
	if s.streams, err = lc.Listen(ctx, "tcp", net.JoinHostPort(host, port)); err != nil {
		return err
	}
	same := strconv.Itoa(s.streams.Addr().(*net.TCPAddr).Port)
	if s.packets, err = lc.ListenPacket(ctx, "udp", net.JoinHostPort(host, same)); err != nil {
		return errors.Join(err, s.streams.Close())
	}
	return nil
}

// Addr is where the server listens, by UDP and TCP.
func (s *Server) Addr() net.Addr { return s.streams.Addr() }

// Name is how people know the server.
func (s *Server) Name() string { return "dns:" + s.config.Listen }

// Close ends the sockets.
func (s *Server) Close() error {
	var errs []error
	for _, c := range []interface{ Close() error }{s.packets, s.streams} {
		if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			errs = append(errs, fmt.Errorf("%s: %w", s.Name(), err))
		}
	}
	return errors.Join(errs...)
}

// Run answers until ctx ends, and returns nil when all that it started has ended. An
// error means that a socket is broken.
func (s *Server) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	streams := accept.Limit(s.streams, accept.Limits{Total: s.config.MaxConnections})
	servers := []*miekg.Server{
		{PacketConn: s.packets, UDPSize: maxUDP},
		{Listener: streams, ReadTimeout: s.queryTimeout, WriteTimeout: s.queryTimeout, IdleTimeout: func() time.Duration { return idleTimeout }},
	}
	failed := make([]error, len(servers))
	var group sync.WaitGroup
	for i, server := range servers {
		server.Handler = s
		server.MsgAcceptFunc = takeQueries
		server.DecorateWriter = func(w miekg.Writer) miekg.Writer { return terse{w} }
		started := make(chan struct{})
		server.NotifyStartedFunc = func() { close(started) }
		ended := make(chan struct{})
		group.Go(func() {
			defer close(ended)
			failed[i] = server.ActivateAndServe()
			cancel()
		})
		group.Go(func() {
			select {
			case <-started:
			case <-ended:
				return
			}
			<-ctx.Done()
			ending, done := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
			defer done()
			_ = server.ShutdownContext(ending) // a socket that fails is what Serve returns
		})
	}
	group.Wait()
	err := errors.Join(errors.Join(failed...), s.Close())
	if err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	return nil
}

// ServeDNS implements the library's handler.
func (s *Server) ServeDNS(w miekg.ResponseWriter, q *miekg.Msg) {
	var client netip.Addr
	udp := false
	switch from := w.RemoteAddr().(type) {
	case *net.UDPAddr:
		client, udp = from.AddrPort().Addr(), true
	case *net.TCPAddr:
		client = from.AddrPort().Addr()
	}
	a := s.answer(time.Now(), q, client, udp)
	if a == nil {
		return
	}
	if err := w.WriteMsg(a); err != nil {
		s.log.Debug("an answer was not sent", "client", client, "error", err)
	}
}
