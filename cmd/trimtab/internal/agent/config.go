package agent

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/report/usage"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

// Config says what to report and where.
type Config struct {
	// Where to serve, as host:port; at least one of them. "" is nowhere.
	ListenORCA, ListenHTTP, ListenAgentCheck string
	// Meter measures processor and memory. Required.
	Meter *usage.Reader
	// Window is the time constant of averages; 0 is the default of package
	// report.
	Window time.Duration
	// Port is the application's, of which the connections are counted; 0 counts
	// none. They are those of the network namespace of the process PID, 0
	// standing for this one's.
	Port, PID int
	// Scrape is the URL of the application's metrics, "" for none, and Metrics
	// which of them to take. They are read every ScrapePeriod, default 1 s.
	Scrape       string
	ScrapePeriod time.Duration
	Metrics      source.Metrics
	// TLSCert and TLSKey are the PEM files of a certificate for what is served over
	// HTTP; "" for plain text. They are read again when they change.
	TLSCert, TLSKey string
	// TokenFile holds the token of the hooks, which are not served without.
	TokenFile string
	// ShedURL is where the application takes requests to shed connections, ""
	// for nowhere, and ShedTokenFile holds its token, if it wants one.
	ShedURL, ShedTokenFile string
	// Logger is required.
	Logger *slog.Logger
}

// Check says everything that is wrong with it, in terms of the flags of "trimtab
// agent".
func (c Config) Check() error {
	var errs []error
	fail := func(wrong bool, text string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf(text, args...))
		}
	}
	fail(c.ListenORCA+c.ListenHTTP+c.ListenAgentCheck == "", "nothing to serve: want --listen-orca, --listen-http or --listen-agent-check")
	fail(c.Port < 0 || c.Port > 65535, "--port %d: want 1 to 65535", c.Port)
	fail(c.Window < 0, "--window %s: must be positive", c.Window)
	fail(c.TokenFile != "" && c.ListenHTTP == "", "--token-file is for hooks over HTTP: want --listen-http, too")
	fail((c.TLSCert == "") != (c.TLSKey == ""), "--tls-cert needs --tls-key, and --tls-key needs --tls-cert")
	fail(c.TLSCert != "" && c.ListenHTTP == "", "--tls-cert is for what is served over HTTP: want --listen-http, too")
	fail(c.ShedURL != "" && c.TokenFile == "", "--shed-url: want --token-file, for who may ask")
	fail(c.ShedTokenFile != "" && c.ShedURL == "", "--shed-token-file: want --shed-url, too")
	if u, err := url.Parse(c.ShedURL); c.ShedURL != "" {
		fail(err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"), "--shed-url: want an http or https URL")
	}
	return errors.Join(errs...)
}

// ParseMetrics reads pairs of a signal and the metric behind it, such as
// requests=http_requests_total{code=~"5.."}. The signals are utilization, cpu,
// memory, in_flight, requests, errors and latency; any other name is one of a
// named metric. [source.Metrics] says how series become a number.
func ParseMetrics(pairs []string) (source.Metrics, error) {
	var m source.Metrics
	var seen []string
	for _, pair := range pairs {
		signal, selector, ok := strings.Cut(pair, "=")
		if !ok || signal == "" || selector == "" {
			return m, fmt.Errorf("metric %q: want SIGNAL=METRIC, for example requests=http_requests_total", pair)
		}
		if slices.Contains(seen, signal) {
			return m, fmt.Errorf("metric %q: %s is given twice", pair, signal)
		}
		seen = append(seen, signal)
		if _, err := source.ParseSelector(selector); err != nil {
			return m, fmt.Errorf("metric %s: %w", signal, err)
		}
		if to, ok := signals(&m)[signal]; ok {
			*to = selector
			continue
		}
		if m.Named == nil {
			m.Named = map[string]string{}
		}
		m.Named[signal] = selector
	}
	return m, nil
}

func signals(m *source.Metrics) map[string]*string {
	return map[string]*string{
		"utilization": &m.Utilization, "cpu": &m.CPU, "memory": &m.Memory, "in_flight": &m.InFlight,
		"requests": &m.Requests, "errors": &m.Errors, "latency": &m.Latency,
	}
}
