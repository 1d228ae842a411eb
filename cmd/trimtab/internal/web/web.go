package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/events"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/haproxy"
	"github.com/trimtab-lb/trimtab/haproxy/agentcheck"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/source"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
	"github.com/trimtab-lb/trimtab/xds"
	"github.com/trimtab-lb/trimtab/xds/discovery"
)

// Options are what the server needs of the daemon. Snapshots is required; the
// functions are called from many goroutines and must not block.
type Options struct {
	// Snapshots returns the newest snapshot of each pool; one may be nil before
	// the pool has published any.
	Snapshots func() []*tuner.Snapshot
	// Reload reads the configuration again and puts it in force, or returns
	// why not and leaves everything as it was. It may block. nil: there is
	// nothing to reload.
	Reload func(ctx context.Context) error
	// ConfigState says what is in force. nil: there is no configuration file.
	ConfigState func() ConfigState
	// Command carries out what an operator wants of a pool; warning is what is not
	// as good as it could be all the same. Its errors are [ErrNotFound],
	// [ErrBadRequest], [ErrConflict] or trouble of the server's own. nil: nothing
	// can be ordered.
	Command func(ctx context.Context, pool string, c tuner.Command) (warning string, err error)
	// EstimateShed returns what an order to rebalance would do. The errors are those of
	// Command. nil: nothing can be estimated.
	EstimateShed func(ctx context.Context, pool string) (scorer.ShedEstimate, error)
	// Record begins a recording of a pool, which has the configuration that is
	// returned. The errors are those of Command. The caller closes it. nil: nothing
	// can be recorded.
	Record func(ctx context.Context, pool string) (scorer.Config, *tuner.Recording, error)
	// Observe returns what was seen of a pool. The errors are those of Command. nil:
	// nothing is watched.
	Observe func(ctx context.Context, pool string) (observation.Document, error)
	// Events returns what happened after the event with the given number, and a
	// channel that is closed when there is more. nil: no events.
	Events func(id uint64) ([]events.Event, <-chan struct{})
	// Polls says how the polls of load reports go. nil: there are none.
	Polls func() []Polls
	// Push takes load reports; it decides by their pools whether whoever sends them may.
	// Its errors are [ErrUnauthorized], [ErrForbidden], [ErrNotFound],
	// [ErrBadRequest], [ErrUnavailable] or trouble of the server's own. nil: none are
	// taken.
	Push PushFunc
	// Webhooks says how telling of scale advice goes. nil: nobody is told.
	Webhooks func() []Webhook
	// Proxies and Listeners say how HAProxies are read and asked by. nil: there
	// are none.
	Proxies   func() []Proxy
	Listeners func() []Listener
	// Assignments says how clients were told where to go. nil: nobody asks.
	Assignments func() []Assignments
	// XDS says who takes its configuration from the xDS server. nil: there is none.
	XDS func() XDS
	// Version is the program's.
	Version string
	// Registry receives the metrics. Default: one of the server's own.
	Registry *prometheus.Registry
	// Logger is told of handlers that fail. Default: none.
	Logger *slog.Logger
	// Tick is the time between a pool's steps. Default 1 s.
	Tick time.Duration
	// TokenFile has the token that everything but reading needs. "": no token,
	// which leaves changes to those who come over a loopback address.
	TokenFile string
	// AllowedHosts are further names in the Host header that are accepted on a
	// loopback address, as a reverse proxy on this machine may send them.
	AllowedHosts []string
}

// ConfigState is the configuration in force and how the last reload went.
type ConfigState struct {
	// Hash identifies what is in force.
	Hash string
	// At is when a load was last tried, Err why it failed, nil when it did not.
	At  time.Time
	Err error
	// SuccessAt is when a load last succeeded.
	SuccessAt time.Time
}

// Polls is how one source of a pool polls its backends.
type Polls struct {
	Pool, Source string
	Backends     []source.BackendStatus
}

// Proxy is one HAProxy that is read over its socket.
type Proxy struct {
	Name string
	haproxy.Stats
}

// Listener is one address that HAProxies' agent-checks ask.
type Listener struct {
	Name string
	agentcheck.Stats
}

// Assignments is how one target has told clients where to go.
type Assignments struct {
	Target string
	Stats  AssignmentStats
}

// AssignmentStats are counts since the target was there.
type AssignmentStats struct {
	Pool string
	// Assigned is by backend, Refused by reason.
	Assigned, Refused map[string]uint64
}

// XDS is the server of Envoys and gRPC clients.
type XDS struct {
	// Listen is its address as configured.
	Listen   string
	Nodes    []xds.Node
	Counters discovery.Counters
}

const (
	// poolsPath is what concerns one pool: orders, recordings, and what was seen of it.
	poolsPath = "/api/v1/pools/"
	// observationPath is the end of the last of them.
	observationPath = "/observation"
)

type server struct {
	Options
	admin *tokenFile // of TokenFile; not read without
}

// New returns the handler of the admin server. Its metrics are registered with
// the registry, which is an error when it has them already.
func New(o Options) (http.Handler, error) {
	if o.Snapshots == nil {
		return nil, errors.New("admin server: Snapshots is required")
	}
	if o.Registry == nil {
		o.Registry = prometheus.NewRegistry()
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Tick == 0 {
		o.Tick = time.Second
	}
	s := &server{o, &tokenFile{path: o.TokenFile, log: o.Logger}}
	for _, c := range []prometheus.Collector{
		newCollector(o),
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := o.Registry.Register(c); err != nil {
			return nil, fmt.Errorf("admin server: register metrics: %w", err)
		}
	}
	return s.guard(s.authorize(s.routes())), nil
}

func (s *server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.index)
	mux.HandleFunc("/api/", s.apiNotFound)
	mux.HandleFunc("/api/v1/status", s.status)
	if s.Push != nil {
		mux.HandleFunc("POST "+reportsPath, s.push(newRateLimit(pushRate, pushBurst)))
	}
	if s.Events != nil {
		mux.HandleFunc("GET /api/v1/events", s.serveEvents)
	}
	if s.Record != nil {
		mux.HandleFunc("GET "+poolsPath+"{pool}/record", s.record)
	}
	if s.Observe != nil {
		mux.HandleFunc("GET "+poolsPath+"{pool}"+observationPath, s.observation)
	}
	if s.EstimateShed != nil {
		mux.HandleFunc("GET "+poolsPath+"{pool}/"+string(tuner.Rebalance), s.estimateShed)
	}
	if s.Command != nil {
		mux.HandleFunc("POST "+poolsPath+"{pool}/{verb}", s.order)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.Registry, promhttp.HandlerOpts{
		Registry: s.Registry,
		// A value that cannot be shown must not hide all others.
		ErrorHandling: promhttp.ContinueOnError,
		ErrorLog:      slog.NewLogLogger(s.Logger.Handler(), slog.LevelError),
	}))
	for _, path := range []string{"/healthz", "/-/healthy"} {
		mux.HandleFunc("GET "+path, s.healthz)
	}
	for _, path := range []string{"/readyz", "/-/ready"} {
		mux.HandleFunc("GET "+path, s.readyz)
	}
	if s.Reload != nil {
		mux.HandleFunc("POST /-/reload", s.reload)
	}
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}
