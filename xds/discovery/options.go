package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
)

// Options are what a [Server] is made with. Only View is required; 0 means the
// default.
type Options struct {
	// View names the resources that a client is served, such as "envoy" or "grpc".
	// It is called once per stream, from any goroutine. "" refuses the client.
	View func(*corev3.Node) string
	// Admit may refuse a client; its error goes to the client with the code
	// PermissionDenied. The context has the gRPC peer, and with it the certificate.
	Admit func(context.Context, *corev3.Node) error
	// Observer is true of clients that look at what is served and route nothing by
	// it, such as debugging tools. They are served like all others, but nobody has to
	// wait for them: [Server.Watching], [Server.Unknown] and [Server.Connected] pass
	// over them. Default: there are none.
	Observer func(*corev3.Node) bool
	// Identifier is who the control plane says it is, "" for nothing.
	Identifier string
	// Log gets rejected responses. Default: nothing is logged.
	Log *slog.Logger

	// MaxResourceNames is the limit of names that one stream subscribes to, all
	// types together. Default 20,000.
	MaxResourceNames int
	// MaxRequestBytes is the limit of one request's size. Default 4 MiB.
	MaxRequestBytes int
	// FirstRequest is how long a stream may stay without a request. Default 10 s.
	FirstRequest time.Duration

	// MaxConnectionAge is when clients are asked to connect anew, so that they
	// spread over replicas; gRPC takes 10 % more or less. Default: never.
	MaxConnectionAge time.Duration
}

func (o Options) withDefaults() Options {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.MaxResourceNames = cmp.Or(o.MaxResourceNames, 20_000)
	o.MaxRequestBytes = cmp.Or(o.MaxRequestBytes, 4<<20)
	o.FirstRequest = cmp.Or(o.FirstRequest, 10*time.Second)
	return o
}

func (o Options) validate() error {
	var errs []error
	if o.View == nil {
		errs = append(errs, errors.New("the function View is missing"))
	}
	for _, limit := range []struct {
		name  string
		value int64
	}{
		{"MaxResourceNames", int64(o.MaxResourceNames)},
		{"MaxRequestBytes", int64(o.MaxRequestBytes)},
		{"FirstRequest", int64(o.FirstRequest)},
		{"MaxConnectionAge", int64(o.MaxConnectionAge)},
	} {
		if limit.value < 0 {
			errs = append(errs, fmt.Errorf("%s is negative", limit.name))
		}
	}
	return errors.Join(errs...)
}
