package source

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Options say whom to poll and how. The zero value of every field but URL means
// its default.
type Options struct {
	// URL is where a backend's load is found; {address} (host:port), {host} and
	// {name} stand for the backend's.
	URL string
	// Period is the time from one poll of a backend to the next, give or take
	// a tenth. Default 1 s.
	Period time.Duration
	// Timeout bounds a poll, from connecting to the last byte. Default half of
	// Period, which is also the most that makes sense.
	Timeout time.Duration
	// Concurrency bounds the requests that are open at once to backends that
	// answered last time; those that did not share a quarter as many more.
	// Default 64.
	Concurrency int
	// Backends are those to begin with; see SetBackends.
	Backends []scorer.Backend
	// Transport makes the requests. Default: one of the source's own, with
	// connections kept alive and no proxy.
	Transport http.RoundTripper
	// Logger is told when a backend starts failing and when it recovers.
	// Default: none.
	Logger *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	if o.Period == 0 {
		o.Period = time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = o.Period / 2
	}
	if o.Concurrency == 0 {
		o.Concurrency = 64
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	if o.Period < 0 || o.Timeout < 0 || o.Timeout > o.Period || o.Concurrency < 0 {
		errs = append(errs, fmt.Errorf("period %s, timeout %s, concurrency %d: need 0 < timeout <= period and a positive concurrency",
			o.Period, o.Timeout, o.Concurrency))
	}
	if _, err := expand(o.URL, scorer.Backend{Name: "n", Address: "h:1"}); err != nil {
		errs = append(errs, err)
	}
	return o, errors.Join(errs...)
}

// expand puts a backend into a URL template.
func expand(template string, b scorer.Backend) (string, error) {
	host := b.Address
	if i := strings.LastIndex(host, ":"); i > 0 {
		host = host[:i]
	}
	if b.Address == "" && (strings.Contains(template, "{address}") || strings.Contains(template, "{host}")) {
		return "", fmt.Errorf("%s: backend %s has no address", redact(template), b.Name)
	}
	// The name is a person's or a proxy's word and may hold anything.
	text := strings.NewReplacer(
		"{address}", b.Address, "{host}", host, "{name}", url.PathEscape(b.Name),
	).Replace(template)
	u, err := url.Parse(text)
	if err != nil {
		return "", fmt.Errorf("not a URL: %q", redact(text))
	}
	if (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return "", fmt.Errorf("not an http or https URL: %q", redact(text))
	}
	return text, nil
}

// redact takes user and password out of a URL or a template of one.
func redact(template string) string {
	scheme, rest, ok := strings.Cut(template, "://")
	if !ok {
		return template
	}
	authority, _, _ := strings.Cut(rest, "/")
	if i := strings.LastIndex(authority, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	return scheme + "://" + rest
}

// origin names a source by what it asks: http:{address}/load. It has no query,
// as that may carry a token.
func origin(kind, template string) string {
	_, rest, _ := strings.Cut(redact(template), "://")
	rest, _, _ = strings.Cut(rest, "?")
	return kind + ":" + rest
}
