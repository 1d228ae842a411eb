package xds

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	statusv3 "github.com/envoyproxy/go-control-plane/envoy/service/status/v3"
	"google.golang.org/grpc"

	"github.com/trimtab-lb/trimtab/xds/discovery"
	"github.com/trimtab-lb/trimtab/xds/loadstats"
)

// The views: what a weight means differs.
const (
	viewEnvoy = "envoy"
	viewGRPC  = "grpc"
)

// stopTimeout bounds the end of what gRPC has ended already. It is long, since one that
// is reached makes an end that has left nothing undone a failed one.
const stopTimeout = 10 * time.Second

// Server is one listener for all Envoys and gRPC clients of all pools. Its methods
// may be used concurrently.
type Server struct {
	options   Options
	log       *slog.Logger
	listener  net.Listener
	grpc      *grpc.Server
	discovery *discovery.Server
	loads     *loadstats.Server
	admission *admission
	keys      *keyring // nil for plain text

	mu sync.Mutex
	catalog
}

// Listen opens the listener and reads the certificates; [Server.Run] answers. The
// caller ends Run's context, or calls Close where Run was never called.
func Listen(ctx context.Context, o Options) (*Server, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("xds: %w", err)
	}
	s := &Server{options: o, log: o.Logger.With("listener", "xds:"+o.Listen), catalog: newCatalog()}
	s.admission = newAdmission(o.rules(), s.log)
	settings := discovery.Options{
		View: viewOf, Observer: observes, Identifier: "trimtab", Log: s.log,
		Admit:            func(ctx context.Context, n *corev3.Node) error { return s.admission.admit(ctx, n.GetId()) },
		MaxConnectionAge: o.MaxConnectionAge,
	}
	var transport []grpc.ServerOption
	if o.TLS != nil {
		if s.keys, err = newKeyring(*o.TLS, s.log); err != nil {
			return nil, fmt.Errorf("xds: %w", err)
		}
		transport = append(transport, grpc.Creds(s.keys.credentials()))
	}
	if s.discovery, err = discovery.New(settings); err != nil {
		return nil, err
	}
	if s.loads, err = loadstats.New(loadstats.Options{
		Interval: o.ReportInterval, Admit: s.admission.admit, Logger: s.log,
	}); err != nil {
		return nil, fmt.Errorf("xds: %w", err)
	}
	// Of two windows the later one counts, and that is to be the one for load reports,
	// which repeat 61 kB of node each.
	s.grpc = grpc.NewServer(slices.Concat(transport, s.discovery.ServerOptions(), loadstats.ServerOptions(), []grpc.ServerOption{
		grpc.StreamInterceptor(s.admission.attend), grpc.MaxConcurrentStreams(maxPerConnection), grpc.WaitForHandlers(true),
	})...)
	s.discovery.Register(s.grpc)
	s.loads.Register(s.grpc)
	statusv3.RegisterClientStatusDiscoveryServiceServer(s.grpc, clientStatus{server: s})
	var lc net.ListenConfig
	if s.listener, err = lc.Listen(ctx, "tcp", o.Listen); err != nil {
		return nil, fmt.Errorf("xds: %w", err)
	}
	return s, nil
}

// viewOf tells gRPC clients from Envoys: they name themselves.
func viewOf(n *corev3.Node) string {
	if loadstats.IsGRPC(n.GetUserAgentName()) {
		return viewGRPC
	}
	return viewEnvoy
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Name is how people know the server.
func (s *Server) Name() string { return "xds:" + s.options.Listen }

// Close ends a server that never ran.
func (s *Server) Close() error {
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	return nil
}

// Run answers until ctx ends, and returns when every stream has ended. Clients keep
// what they have.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() {
		err := s.grpc.Serve(s.listener)
		if errors.Is(err, grpc.ErrServerStopped) {
			err = nil // ctx had ended before anything was answered
		}
		served <- err
	}()
	var lost error
	select {
	case lost = <-served:
		served <- nil // the streams that there are end all the same
	case <-ctx.Done():
	}
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.discovery.Shutdown(closing) }()
	s.grpc.Stop()
	s.admission.wait()
	if err := errors.Join(lost, <-ended, s.loads.Shutdown(closing), <-served); err != nil {
		return fmt.Errorf("%s: %w", s.Name(), err)
	}
	return nil
}
