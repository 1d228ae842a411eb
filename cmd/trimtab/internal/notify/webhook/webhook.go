// Package webhook posts news to a URL, as JSON.
//
//	Offer ─▶ newest ─▶ Run ─▶ POST ─▶ 2xx: done
//	                    ▲       └──▶ timeout, 429, 5xx: again, later and later
//	                    └──────────┘ until it is over its deadline, or newer news come
//
// Only the newest counts: who was away is told how things are, not how they came to
// be so. The package is not for what has to arrive (metrics and status say the same
// at any time), nor for what it says.
package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
)

const (
	// deadline is for how long one piece of news is tried to be told.
	deadline = 5 * time.Minute
	// tryTimeout bounds one try, from connecting to the answer.
	tryTimeout = 5 * time.Second
	// firstPause is the longest pause after the first try; it doubles up to maxPause.
	firstPause = time.Second
	maxPause   = time.Minute
	// maxAnswer is as much of an answer as is read.
	maxAnswer = 64 << 10
)

// Options say where news go.
type Options struct {
	URL string
	// TokenFile has a bearer token, and is read at each try; "" for none.
	TokenFile string
	// Logger is told of news that could not be told, and when they can be again.
	// Default: none.
	Logger *slog.Logger
	// Transport makes the requests. Default: one of its own.
	Transport http.RoundTripper
}

// Status is how telling goes. It is a copy.
type Status struct {
	// Sent counts the news that arrived, Tries the requests made, and Failures those
	// that did not succeed.
	Sent, Tries, Failures uint64
	// LastError is why the newest try failed, "" after a success.
	LastError string
}

// Sender tells one receiver. Offer and Status may be used concurrently; Run must not
// be called twice at once.
type Sender struct {
	options Options
	client  *http.Client
	// newest holds what Run has not begun to tell.
	newest chan any
	offer  sync.Mutex

	mu     sync.Mutex
	status Status
}

// New returns a sender that Run starts.
func New(o Options) *Sender {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: tryTimeout, IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 1}
	}
	return &Sender{
		options: o, newest: make(chan any, 1),
		client: &http.Client{
			Transport: o.Transport, Timeout: tryTimeout,
			// Followed, the token would be shown to somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Offer hands over news, which must not change any more, in place of those that are
// not told so far. It never blocks.
func (s *Sender) Offer(news any) {
	s.offer.Lock()
	defer s.offer.Unlock()
	select {
	case <-s.newest:
	default:
	}
	s.newest <- news
}

// Status returns how telling goes.
func (s *Sender) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status
}

// Run tells what is offered until ctx ends. It starts no goroutine that outlives it.
func (s *Sender) Run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	for {
		select {
		case <-ctx.Done():
			return
		case news := <-s.newest:
			for news != nil {
				news = s.tell(ctx, news)
			}
		}
	}
}

// errForGood is an answer that a further try would get again.
var errForGood = errors.New("not tried again")

// tell tries until it succeeds, the deadline is over, or there are newer news, which
// it returns.
func (s *Sender) tell(ctx context.Context, news any) (newer any) {
	body, err := json.Marshal(news)
	if err != nil {
		s.options.Logger.Error("news cannot be written as JSON", "error", err)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		err := s.post(ctx, body)
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil // cut off, which is nobody's failure
		}
		s.note(err)
		if err == nil {
			return nil
		}
		if errors.Is(err, errForGood) {
			s.options.Logger.Error("webhook", "error", err)
			return nil
		}
		// Anywhere in the pause, so that receivers that come back are not met by
		// everybody at once.
		timer := time.NewTimer(pause/10 + rand.N(pause*9/10))
		select {
		case <-ctx.Done():
			timer.Stop()
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				s.options.Logger.Error("webhook: given up, until there are news again", "after", deadline, "error", err)
			}
			return nil
		case newer := <-s.newest:
			timer.Stop()
			return newer
		case <-timer.C:
		}
	}
}

func (s *Sender) post(ctx context.Context, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.options.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post %s: %w: %w", s.options.URL, errForGood, err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "trimtab")
	if err := (token.Flag{TokenFile: s.options.TokenFile}).Authorize(request); err != nil {
		return fmt.Errorf("post %s: %w", s.options.URL, err)
	}
	response, err := s.client.Do(request)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err // the rest says the URL again
		}
		return fmt.Errorf("post %s: %w", s.options.URL, err)
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, maxAnswer)) // so that the connection can be used again
	switch code := response.StatusCode; {
	case code >= 200 && code < 300:
		return nil
	case code >= 500, code == http.StatusTooManyRequests, code == http.StatusRequestTimeout,
		code == http.StatusUnauthorized, code == http.StatusForbidden: // a token may be on its way
		return fmt.Errorf("post %s: %s", s.options.URL, response.Status)
	default:
		return fmt.Errorf("post %s: %s: %w", s.options.URL, response.Status, errForGood)
	}
}

// note counts a try, and logs when it goes otherwise than the one before.
func (s *Sender) note(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.status.LastError
	s.status.Tries++
	s.status.LastError = ""
	if err != nil {
		s.status.Failures++
		s.status.LastError = err.Error()
		if before == "" && !errors.Is(err, errForGood) {
			s.options.Logger.Warn("webhook fails; it is tried again", "error", err)
		}
		return
	}
	s.status.Sent++
	if before != "" {
		s.options.Logger.Info("webhook works again", "url", s.options.URL, "after", before)
	}
}
