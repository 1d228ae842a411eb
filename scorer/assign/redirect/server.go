package redirect

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/accept"
)

const (
	defaultMaxConnections = 10_000
	headerTimeout         = 5 * time.Second
	requestTimeout        = 10 * time.Second
	idleTimeout           = 60 * time.Second
	maxHeader             = 8 << 10
	stopTimeout           = time.Second
)

// Config describes a server.
type Config struct {
	// Listen is host:port.
	Listen string
	// MaxConnections is how many may be open at once; more wait. Default 10,000. Of one
	// address (an IPv6 /56) there may be an eighth, but of those in TrustedProxies.
	MaxConnections int
	// TLS is how the server shows who it is; nil for plain text. See [Server.SetTLS].
	TLS *tls.Config
	// Logger defaults to none.
	Logger *slog.Logger
}

// Server is a listener and the target that answers on it.
type Server struct {
	config   Config
	log      *slog.Logger
	listener net.Listener
	current  atomic.Pointer[Target]
	secure   atomic.Pointer[tls.Config]
}

// Listen opens the listener; Run answers. The caller ends Run's context, or calls
// Close where Run was never called.
func Listen(ctx context.Context, c Config) (*Server, error) {
	if c.MaxConnections <= 0 {
		c.MaxConnections = defaultMaxConnections
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("redirect: %w", err)
	}
	s := &Server{config: c, listener: l}
	s.log = c.Logger.With("listener", s.Name())
	s.SetTLS(c.TLS)
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Name is how people know the server and its target.
func (s *Server) Name() string { return "redirect:" + s.config.Listen }

// Close ends the listener.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	return nil
}

// Run answers until ctx ends, and returns nil when all connections are closed. An
// error means that the listener is broken.
func (s *Server) Run(ctx context.Context) error {
	server := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if server.Shutdown(ending) != nil {
			_ = server.Close() // who is still being answered asks elsewhere
		}
	})
	limited := accept.Limit(s.listener, accept.Limits{Total: s.config.MaxConnections, Exempt: s.trusts})
	err := server.Serve(secured{limited, &s.secure})
	if stop() {
		return errors.Join(fmt.Errorf("%s: %w", s.Name(), err), server.Close())
	}
	<-done
	return nil
}

// trusts says whether an address is that of a proxy which many clients are behind.
func (s *Server) trusts(address netip.Addr) bool {
	t := s.current.Load()
	return t != nil && isIn(t.options.TrustedProxies, address)
}

// ServeHTTP answers by the target that is applied.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if t := s.current.Load(); t != nil {
		t.ServeHTTP(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	retry(w.Header(), time.Second)
	refuse(w, http.StatusServiceUnavailable, "nothing is placed here yet", false)
}
