package source

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// minPeriod is the shortest that backends may be asked for: reports are
	// smoothed over more than that anyway.
	minPeriod = 100 * time.Millisecond
	// maxReport is far above any load report.
	maxReport = 64 << 10
	// streamBuffer is what a connection gets for either direction: a report is
	// a few hundred bytes, and there may be thousands of connections.
	streamBuffer = 4 << 10
)

// ORCA receives load reports over gRPC out of band: each backend is asked once,
// over xds.service.orca.v3.OpenRcaService, to report every Period, and pushes.
//
// The fields become the signals that [HTTP] makes of them. As a value of 0 is
// not sent at all in protobuf, an absent one is absent until it was there once
// in a stream, and 0 from then on.
type ORCA struct{ *roster }

// ORCAOptions say whom to ask and how. The zero value of every field means its
// default.
type ORCAOptions struct {
	// Port is where backends serve reports. Default: each backend's own.
	Port int
	// Period is the time from one report to the next, at least 100 ms. Default
	// 1 s. A backend may take longer: servers built on grpc-go's own package
	// orca report every 30 s at most.
	Period time.Duration
	// FirstReport bounds the time from connecting to the first report, which
	// servers send at once. Default 5 s.
	FirstReport time.Duration
	// TLS makes connections encrypted; ServerName defaults to the backend's
	// host. Default: plaintext.
	TLS *tls.Config
	// Backends are those to begin with; see SetBackends.
	Backends []scorer.Backend
	// Dialer makes the connections. Default: TCP, without a proxy.
	Dialer func(ctx context.Context, address string) (net.Conn, error)
	// Logger is told when a backend starts failing and when it recovers.
	// Default: none.
	Logger *slog.Logger
}

// NewORCA returns a source that has not begun: Run begins.
func NewORCA(o ORCAOptions) (*ORCA, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("load reports over ORCA: %w", err)
	}
	at := "{address}"
	if o.Port > 0 {
		at = "{host}:" + strconv.Itoa(o.Port)
	}
	dial := o.dialOptions()
	return &ORCA{newRoster("orca:"+at, o.Logger, o.Backends, func(ctx context.Context, w *worker) {
		(&watch{options: o, dial: dial, worker: w}).run(ctx)
	})}, nil
}

func (o ORCAOptions) withDefaults() (ORCAOptions, error) {
	if o.Period == 0 {
		o.Period = time.Second
	}
	if o.FirstReport == 0 {
		o.FirstReport = 5 * time.Second
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if o.Period < minPeriod {
		errs = append(errs, fmt.Errorf("period %s: need at least %s", o.Period, minPeriod))
	}
	if o.FirstReport < 0 {
		errs = append(errs, fmt.Errorf("first report within %s: need a positive time", o.FirstReport))
	}
	if o.Port < 0 || o.Port > 65535 {
		errs = append(errs, fmt.Errorf("port %d: need 1 to 65535", o.Port))
	}
	return o, errors.Join(errs...)
}

func (o ORCAOptions) dialOptions() []grpc.DialOption {
	secure := insecure.NewCredentials()
	if o.TLS != nil {
		secure = credentials.NewTLS(o.TLS)
	}
	out := []grpc.DialOption{
		grpc.WithTransportCredentials(secure),
		grpc.WithUserAgent("trimtab"),
		grpc.WithNoProxy(),
		grpc.WithDisableServiceConfig(),
		grpc.WithDisableHealthCheck(),
		grpc.WithDisableRetry(),
		grpc.WithIdleTimeout(0),
		grpc.WithReadBufferSize(streamBuffer),
		grpc.WithWriteBufferSize(streamBuffer),
		// Of a fixed size, so that gRPC does not ping to measure the bandwidth.
		grpc.WithStaticStreamWindowSize(maxReport),
		grpc.WithStaticConnWindowSize(maxReport),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxReport)),
	}
	if o.Dialer != nil {
		out = append(out, grpc.WithContextDialer(o.Dialer))
	}
	return out
}

// address is where a backend serves reports.
func (o ORCAOptions) address(b scorer.Backend) (string, error) {
	if b.Address == "" {
		return "", fmt.Errorf("backend %s has no address", b.Name)
	}
	if o.Port == 0 {
		return b.Address, nil
	}
	host, _, err := net.SplitHostPort(b.Address)
	if err != nil {
		return "", fmt.Errorf("backend %s: address %q is not host:port", b.Name, b.Address)
	}
	return net.JoinHostPort(host, strconv.Itoa(o.Port)), nil
}
