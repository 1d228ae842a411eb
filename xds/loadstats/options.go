package loadstats

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

const (
	// DefaultInterval is the time between reports: what is in progress is a
	// sample of a moment, and five a second tell a mean.
	DefaultInterval = 200 * time.Millisecond
	// MinInterval keeps a slip from costing every data plane a core: asked for
	// 0, Envoy reports without a pause.
	MinInterval = 20 * time.Millisecond

	defaultMaxMessage   = 4 << 20
	defaultFirstRequest = 10 * time.Second
)

// Options are a server's settings. The zero value of every field means its
// default.
type Options struct {
	// Interval is the time from one report to the next, at least 20 ms. Default
	// [DefaultInterval].
	Interval time.Duration
	// Admit may refuse a data plane by its node id as it was sent; the context has the gRPC peer.
	// Default: all are admitted.
	Admit func(ctx context.Context, node string) error
	// MaxMessage bounds a report's size in bytes; a larger one ends its stream.
	// What is kept of a report is bounded by the mapping whatever its size.
	// Default 4 MiB, which is also gRPC's own.
	MaxMessage int
	// FirstRequest is how long a stream may stay without its first report; one that
	// takes longer ends with DEADLINE_EXCEEDED. Default 10 s.
	FirstRequest time.Duration
	// Logger is told when streams begin and end. Default: none.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.Interval == 0 {
		o.Interval = DefaultInterval
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = defaultMaxMessage
	}
	if o.FirstRequest == 0 {
		o.FirstRequest = defaultFirstRequest
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Interval < MinInterval || o.MaxMessage < 0 || o.FirstRequest < 0 {
		return o, fmt.Errorf("interval %s, %d bytes, %s to the first report: need an interval of at least %s and positive limits",
			o.Interval, o.MaxMessage, o.FirstRequest, MinInterval)
	}
	return o, nil
}
