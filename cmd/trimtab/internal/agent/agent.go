package agent

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/report"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

// socketPeriod is the time from one count of connections to the next.
const socketPeriod = time.Second

// Agent reports one backend's load.
type Agent struct {
	// Set at creation, read-only.
	config   Config
	log      *slog.Logger
	reporter *report.Reporter
	scrape   *source.Prometheus // nil for none
	net      string             // where the tables of sockets are
	// Nil for those that are not served.
	orca, http, agentCheck net.Listener

	// Accessed atomically.
	sockets atomic.Pointer[sockets]
	scraped atomic.Pointer[scorer.Report]
}

// New opens the listeners and looks once at all that is local, so that a wrong
// path fails at once. Run reports; it has to be called.
func New(ctx context.Context, c Config) (*Agent, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	if c.ScrapePeriod == 0 {
		c.ScrapePeriod = time.Second
	}
	a := &Agent{config: c, log: c.Logger, net: netDir(c.PID)}
	if err := a.look(); err != nil {
		return nil, err
	}
	if c.Scrape != "" {
		var err error
		a.scrape, err = source.NewPrometheus(source.Options{
			URL: c.Scrape, Period: c.ScrapePeriod, Logger: c.Logger,
			Backends: []scorer.Backend{{Name: "application", Address: net.JoinHostPort("localhost", strconv.Itoa(c.Port))}},
		}, c.Metrics)
		if err != nil {
			return nil, err
		}
	}
	if err := a.listen(ctx); err != nil {
		a.closeListeners()
		return nil, err
	}
	var err error
	a.reporter, err = report.New(report.Options{Meter: c.Meter, Window: c.Window, Logger: c.Logger})
	if err != nil {
		a.closeListeners()
		return nil, err
	}
	return a, nil
}

func netDir(pid int) string {
	if pid == 0 {
		return "/proc/net"
	}
	return filepath.Join("/proc", strconv.Itoa(pid), "net")
}

// look reads what has to be there from the beginning.
func (a *Agent) look() error {
	if _, err := a.config.Meter.Read(time.Now()); err != nil {
		return err
	}
	for _, path := range []string{a.config.TokenFile, a.config.ShedTokenFile} {
		if path == "" {
			continue
		}
		if _, err := token.Read(path); err != nil {
			return err
		}
	}
	return a.count()
}

// count counts the connections, if it shall.
func (a *Agent) count() error {
	if a.config.Port == 0 {
		return nil
	}
	s, err := readSockets(a.net, a.config.Port)
	if err != nil {
		a.sockets.Store(nil)
		return err
	}
	a.sockets.Store(&s)
	return nil
}

// Run reports until ctx ends, and returns nil when all goroutines that it
// started have ended. An error means that a listener is broken.
func (a *Agent) Run(ctx context.Context) error {
	defer a.reporter.Close()
	group, ctx := errgroup.WithContext(ctx)
	if a.config.Port > 0 {
		group.Go(func() error { a.keepCounting(ctx); return nil })
	}
	if a.scrape != nil {
		reports := make(chan scorer.Report)
		group.Go(func() error { return a.scrape.Run(ctx, reports) })
		group.Go(func() error { a.take(ctx, reports); return nil })
	}
	if a.orca != nil {
		group.Go(func() error { return a.serveORCA(ctx) })
	}
	if a.http != nil {
		group.Go(func() error { return a.serveHTTP(ctx) })
	}
	if a.agentCheck != nil {
		check := &report.AgentCheck{Load: a, Logger: a.log}
		group.Go(func() error { return check.Serve(ctx, a.agentCheck) })
	}
	a.log.Info("load is reported", "of", a.config.Meter, "orca", addr(a.orca), "http", addr(a.http), "agent_check", addr(a.agentCheck))
	return group.Wait()
}

func addr(l net.Listener) string {
	if l == nil {
		return ""
	}
	return l.Addr().String()
}

// keepCounting counts connections again and again.
func (a *Agent) keepCounting(ctx context.Context) {
	ticker := time.NewTicker(socketPeriod)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := a.count()
		switch {
		case err != nil && !failing:
			a.log.Error("connections are not reported", "error", err)
		case err == nil && failing:
			a.log.Info("connections are reported again", "port", a.config.Port)
		}
		failing = err != nil
	}
}

// take keeps the newest of what is scraped.
func (a *Agent) take(ctx context.Context, reports <-chan scorer.Report) {
	for {
		select {
		case <-ctx.Done():
			return
		case r := <-reports:
			a.scraped.Store(&r)
		}
	}
}
