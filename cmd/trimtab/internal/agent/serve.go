package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"google.golang.org/grpc"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/keypair"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/scorer/accept"
	"github.com/trimtab-lb/trimtab/scorer/report"
	"github.com/trimtab-lb/trimtab/scorer/report/orca"
)

const (
	// closeTimeout bounds how long an answer that is under way is waited for.
	closeTimeout = 3 * time.Second
	// maxConnections is how many may be open at once to each of HTTP and ORCA: far more
	// than those who balance load need, and not what the machine has, which is the
	// application's.
	maxConnections = 512
)

func (a *Agent) listen(ctx context.Context) error {
	for _, one := range []struct {
		to   *net.Listener
		what string
		at   string
	}{
		{&a.orca, "orca", a.config.ListenORCA},
		{&a.http, "http", a.config.ListenHTTP},
		{&a.agentCheck, "agent-check", a.config.ListenAgentCheck},
	} {
		if one.at == "" {
			continue
		}
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp", one.at)
		if err != nil {
			return fmt.Errorf("%s: %w", one.what, err)
		}
		*one.to = l
	}
	for _, l := range []*net.Listener{&a.orca, &a.http} {
		if *l != nil {
			*l = accept.Limit(*l, accept.Limits{Total: maxConnections})
		}
	}
	if a.config.TLSCert == "" {
		return nil
	}
	pair, err := keypair.Load(a.config.TLSCert, a.config.TLSKey, a.log)
	if err != nil {
		return fmt.Errorf("http: %w", err)
	}
	a.http = tls.NewListener(a.http, pair.Config())
	return nil
}

func (a *Agent) closeListeners() {
	for _, l := range []net.Listener{a.orca, a.http, a.agentCheck} {
		if l != nil {
			_ = l.Close()
		}
	}
}

func (a *Agent) serveORCA(ctx context.Context) error {
	server := grpc.NewServer()
	service := orca.Register(server, a)
	stop := context.AfterFunc(ctx, func() { service.Close(); server.Stop() })
	defer stop()
	if err := server.Serve(a.orca); err != nil && ctx.Err() == nil {
		return fmt.Errorf("orca %s: %w", a.orca.Addr(), err)
	}
	server.Stop() // waits for what is under way
	return nil
}

func (a *Agent) serveHTTP(ctx context.Context) error {
	endpoints := report.Endpoints{Load: a, Logger: a.log}
	if path := a.config.TokenFile; path != "" {
		endpoints.Token = func() (string, error) { return token.Read(path) }
		endpoints.Drain = a.reporter
		if a.config.ShedURL != "" {
			f := newForwarder(a.config.ShedURL, a.config.ShedTokenFile)
			endpoints.Shed = f
			defer f.client.CloseIdleConnections()
		}
	}
	server := &http.Server{
		Handler: endpoints.Handler(), ReadTimeout: 10 * time.Second, WriteTimeout: 15 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
		ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(a.http) }()
	select {
	case err := <-ended:
		return fmt.Errorf("http %s: %w", a.http.Addr(), err)
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := server.Shutdown(closing); err != nil {
		_ = server.Close() // what is still under way is cut off
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("http %s: %w", a.http.Addr(), err)
	}
	return nil
}
