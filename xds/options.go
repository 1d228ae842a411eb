package xds

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/trimtab-lb/trimtab/xds/loadstats"
)

// Options describe a server.
type Options struct {
	// Listen is host:port.
	Listen string
	// TLS is nil for plain text.
	TLS *TLS
	// Nodes are the node ids that are served, in which a * is any text. None: all.
	Nodes []string
	// ReportInterval is how often load is reported, 20 ms or more; 0 means 200 ms.
	ReportInterval time.Duration
	// MaxStreams bounds the streams of all clients, those for load reports included;
	// 0 means 10,000.
	MaxStreams int
	// MaxConnectionAge is when clients are asked to connect anew, give or take a
	// tenth, so that they spread over replicas; 0 means never.
	MaxConnectionAge time.Duration
	// Logger defaults to none.
	Logger *slog.Logger
}

const (
	defaultMaxStreams = 10_000
	// maxPerConnection bounds what one client can open; an Envoy has two streams, or
	// one for each of its clusters.
	maxPerConnection = 10_000
)

func (o Options) withDefaults() (Options, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.ReportInterval == 0 {
		o.ReportInterval = loadstats.DefaultInterval
	}
	if o.MaxStreams == 0 {
		o.MaxStreams = defaultMaxStreams
	}
	var errs []error
	if o.ReportInterval < loadstats.MinInterval {
		errs = append(errs, fmt.Errorf("load reports every %s: at least %s have to lie between two", o.ReportInterval, loadstats.MinInterval))
	}
	if o.MaxStreams < 0 || o.MaxConnectionAge < 0 {
		errs = append(errs, fmt.Errorf("%d streams, connections of %s: limits must not be negative", o.MaxStreams, o.MaxConnectionAge))
	}
	if o.TLS != nil && len(o.TLS.Clients) > 0 && o.TLS.ClientCA == "" {
		errs = append(errs, errors.New("names of clients cannot be checked without a client CA"))
	}
	return o, errors.Join(errs...)
}
