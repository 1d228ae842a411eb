package haproxy

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// StatsPageConfig describes one backend on HAProxy's statistics page.
type StatsPageConfig struct {
	// URL is the page's, http or https, with or without ";csv" at its end.
	URL string
	// Username and Password are for "stats auth"; none without a Username.
	Username, Password string
	// Backend is HAProxy's name of the backend.
	Backend string
	// PollInterval is how often the page is read; default 200 ms. Simulated, four
	// polls a second teach the law as much as five, and two cost half a per cent
	// of the tail.
	PollInterval time.Duration
	// Timeout bounds one poll, from connecting to the last byte; default 1 s.
	Timeout time.Duration
	// Capacities are the servers' configured weights or strengths by name, which
	// the page does not show. Servers without one have none.
	Capacities map[string]float64
	// Algorithm is what the backend balances with. The page tells it, and the
	// servers' addresses, only with "stats show-legends".
	Algorithm scorer.Algorithm
	// AgentDrains says that these servers' agent-checks are trimtab's own and say
	// "drain": what the page shows as DRAIN (agent) is then no condition, as it
	// would be the reason for itself.
	AgentDrains bool
	// TLS is for https; nil means the system's roots.
	TLS *tls.Config
	// Logger defaults to none.
	Logger *slog.Logger
}

const (
	defaultPageTimeout = time.Second
	// maxPage bounds a page's length: a thousand servers are a third of a megabyte.
	maxPage = 64 << 20
	// maxScope is as much of "scope" as HAProxy looks at.
	maxScope = 20
)

// StatsPage reads one backend from HAProxy's statistics page over HTTP, where
// there is no socket: what each server counts, who the servers are and how they
// do. Nothing can be set on it. Run polls; the sources only hand on what it
// finds.
//
// A page has no process number. After a reload, counters that have gone back
// are the sign of a new worker, and the first counts of it give no rates.
type StatsPage struct {
	config StatsPageConfig
	log    *slog.Logger
	url    string // of the CSV
	name   string
	client *http.Client

	reports feed[[]scorer.Report]
	members feed[[]scorer.Backend]
	view    atomic.Pointer[pageView]
	stats   struct{ polls, errors atomic.Uint64 }

	// Owned by Run.
	page      []byte
	parser    *statParser
	rows      []row
	histories map[string]*history
	announced []scorer.Backend
	missing   bool
}

// pageView is what the newest page had. It is immutable.
type pageView struct {
	at        time.Time
	algorithm scorer.Algorithm
	weights   map[string]int
}

// StatsPageStats are counts since the start, for metrics.
type StatsPageStats struct{ Polls, PollErrors uint64 }

// NewStatsPage returns a page; nothing is connected until Run.
func NewStatsPage(c StatsPageConfig) (*StatsPage, error) {
	u, err := pageURL(c.URL, c.Backend)
	if err != nil {
		return nil, fmt.Errorf("statistics page: %w", err)
	}
	named := *u
	named.RawQuery, named.Path = "", strings.TrimSuffix(u.Path, ";csv")
	name := "haproxy:" + named.String()
	if err := checkName("backend", c.Backend); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if c.PollInterval <= 0 {
		c.PollInterval = defaultPoll
	}
	if c.Timeout <= 0 {
		c.Timeout = defaultPageTimeout
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &StatsPage{
		config: c, log: c.Logger.With("proxy", name, "backend", c.Backend), url: u.String(), name: name,
		client: &http.Client{
			Transport: &http.Transport{TLSClientConfig: c.TLS, MaxConnsPerHost: 1, ResponseHeaderTimeout: c.Timeout},
			// Who is sent elsewhere is not at the statistics page.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		members: feed[[]scorer.Backend]{kept: true},
		parser:  newStatParser(), histories: map[string]*history{},
	}, nil
}

// pageURL is where a page's CSV is, of this backend alone if the page can do that:
// "scope" chooses all names that contain a text.
func pageURL(text, backend string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("not a URL") // which may hold a password
	case u.User != nil:
		return nil, errors.New("a URL with a user: give username and password by themselves, as a URL is shown to people")
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, fmt.Errorf("not an http or https URL: %q", text)
	}
	u.Fragment = ""
	path, _, _ := strings.Cut(u.Path, ";")
	u.Path, u.RawPath = path+";csv", ""
	if u.RawQuery == "" {
		u.RawQuery = "scope=" + url.QueryEscape(backend[:min(len(backend), maxScope)])
	}
	return u, nil
}

// Name is how people know the page, and the Report.Origin of its reports. It has
// neither user nor query.
func (p *StatsPage) Name() string { return p.name }

// Stats returns what has been counted.
func (p *StatsPage) Stats() StatsPageStats {
	return StatsPageStats{Polls: p.stats.polls.Load(), PollErrors: p.stats.errors.Load()}
}

// Algorithm is what the page says that the backend balances with, or else what is
// configured.
func (p *StatsPage) Algorithm() scorer.Algorithm {
	if v := p.view.Load(); v != nil && v.algorithm != scorer.AlgorithmUnknown {
		return v.algorithm
	}
	return p.config.Algorithm
}

// Weights are what is set for each server, slowstart's ramp left out; nil once
// two polls in a row have brought no page. The map is not to be changed.
func (p *StatsPage) Weights() map[string]int {
	v := p.view.Load()
	if v == nil || time.Since(v.at) > 3*p.config.PollInterval+p.config.Timeout {
		return nil
	}
	return v.weights
}

// Reports is what the page counts of each server, as a source. It delivers while
// Run runs.
func (p *StatsPage) Reports() tuner.Source { return pageReports{p} }

// Members is who the servers are and how they do, as a discoverer. It delivers
// while Run runs.
func (p *StatsPage) Members() tuner.Discoverer { return pageMembers{p} }
