package xds

import (
	"errors"
	"fmt"
	"log/slog"
	"path"
	"time"
)

// Options describe a server.
type Options struct {
	// Listen is host:port.
	Listen string
	// TLS is nil for plain text.
	TLS *TLS
	// Nodes are the node ids that are served, patterns of [path.Match]. None: all.
	Nodes []string
	// ReportInterval is how often load is reported, 20 ms or more; 0 means 200 ms.
	ReportInterval time.Duration
	// MaxStreams bounds the streams of all clients; 0 means 10,000.
	MaxStreams int
	// MaxConnectionAge is when clients are asked to connect anew, give or take a
	// tenth, so that they spread over replicas; 0 means never.
	MaxConnectionAge time.Duration
	// Logger defaults to none.
	Logger *slog.Logger
}

const defaultMaxStreams = 10_000

func (o Options) withDefaults() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = defaultMaxStreams
	}
	var errs []error
	patterns := o.Nodes
	if o.TLS != nil {
		if len(o.TLS.Clients) > 0 && o.TLS.ClientCA == "" {
			errs = append(errs, errors.New("names of clients cannot be checked without a client CA"))
		}
		patterns = append(patterns[:len(patterns):len(patterns)], o.TLS.Clients...)
	}
	for _, pattern := range patterns {
		if _, err := path.Match(pattern, ""); err != nil {
			errs = append(errs, fmt.Errorf("pattern %q: %w", pattern, err))
		}
	}
	return o, errors.Join(errs...)
}
