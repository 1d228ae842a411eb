package daemon

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/report"
)

const (
	// hookTimeout bounds one request, from connecting to the answer.
	hookTimeout = time.Second
	// hookAnswer is as much of an answer as is read.
	hookAnswer = 16 << 10
)

// shedHook asks backends to have some of their connections leave.
type shedHook struct {
	template, tokenFile string
	order               report.Order
	client              *http.Client

	mu        sync.Mutex
	addresses map[string]string
}

func newShedHook(c *config.ShedHook, order string) (*shedHook, error) {
	h := &shedHook{
		template: c.Template(), tokenFile: c.TokenFile, order: report.Order(order),
		client: &http.Client{
			Timeout:   hookTimeout,
			Transport: &http.Transport{IdleConnTimeout: 90 * time.Second, MaxIdleConnsPerHost: 1},
			// Followed, the token would be shown to somebody else.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if h.tokenFile == "" {
		return h, nil
	}
	if _, err := token.Read(h.tokenFile); err != nil {
		return nil, fmt.Errorf("shed.hook.token_file: %w", err)
	}
	return h, nil
}

// SetBackends says where backends are.
func (h *shedHook) SetBackends(list []scorer.Backend) {
	addresses := make(map[string]string, len(list))
	for _, b := range list {
		addresses[b.Name] = b.Address
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.addresses = addresses
}

// url is where the backend takes the request.
func (h *shedHook) url(backend string) (string, error) {
	h.mu.Lock()
	address := h.addresses[backend]
	h.mu.Unlock()
	if address == "" && config.NeedsAddress(h.template) {
		return "", errors.New("shed hook: the backend's address is not known")
	}
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = address
	}
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return strings.NewReplacer("{address}", address, "{host}", host, "{name}", url.PathEscape(backend)).Replace(h.template), nil
}

// errLimited is a backend that lets no more of its connections go now.
var errLimited = errors.New("the backend has no more of them leave for now: its rate limit")

// errNotSaid is an answer without a count.
var errNotSaid = errors.New("asked is missing")

// shed asks for some of a backend's connections to leave and returns how many were
// asked, as far as is known: with an error it may be fewer.
func (h *shedHook) shed(ctx context.Context, backend string, count int, why string) (int, error) {
	where, err := h.url(backend)
	if err != nil {
		return 0, err
	}
	body, err := json.Marshal(report.ShedRequest{Connections: count, Order: h.order, By: "trimtab", Reason: reasonOf(why)})
	if err != nil {
		return 0, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, where, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("shed hook %s: %w", where, err)
	}
	r.Header.Set("Content-Type", "application/json")
	if err := (token.Flag{TokenFile: h.tokenFile}).Authorize(r); err != nil {
		return 0, fmt.Errorf("shed hook %s: %w", where, err)
	}
	var sent atomic.Bool
	r = r.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { sent.Store(true) }}))
	answer, err := h.client.Do(r)
	if err != nil {
		if of, ok := errors.AsType[*url.Error](err); ok {
			err = of.Err // the URL is said once
		}
		if !sent.Load() {
			count = 0
		}
		// An answer that is late says nothing of whether it was done, and to ask once
		// more is worse than to wait for it to be seen.
		return count, fmt.Errorf("shed hook %s: %w", where, err)
	}
	defer answer.Body.Close()
	asked, err := readShedAnswer(answer, count)
	if err != nil {
		return asked, fmt.Errorf("shed hook %s: %w", where, err)
	}
	return asked, nil
}

// hookAnswered is a [report.ShedAnswer] that may be anybody's.
type hookAnswered struct {
	Asked   *int    `json:"asked"`
	Limited bool    `json:"limited"`
	Limit   float64 `json:"limit"`
}

// readShedAnswer is how many were asked. A backend that has taken the request and does
// not say counts as having done it, as one that does not answer does.
func readShedAnswer(answer *http.Response, count int) (int, error) {
	text, readErr := io.ReadAll(io.LimitReader(answer.Body, hookAnswer))
	var shed hookAnswered
	err := json.Unmarshal(text, &shed)
	said := readErr == nil && err == nil && shed.Asked != nil
	asked := 0
	if said {
		asked = min(max(*shed.Asked, 0), count)
	}
	limited := answer.StatusCode == http.StatusTooManyRequests
	switch {
	case !limited && answer.StatusCode/100 != 2:
		return asked, fmt.Errorf("%s: %s", refusal(answer.StatusCode), printable.Line(strings.TrimSpace(string(text[:min(len(text), 200)]))))
	case !limited && !said:
		return count, fmt.Errorf("the answer is not such JSON as {\"asked\": %d}: %w", count, cmp.Or(readErr, err, errNotSaid))
	case limited && shed.Limit > 0, shed.Limited && shed.Limit > 0:
		return asked, fmt.Errorf("%w of %.3g a second", errLimited, shed.Limit)
	case limited, shed.Limited:
		return asked, errLimited
	default:
		return asked, nil
	}
}

// refusal is an answer in words.
func refusal(code int) string {
	out := fmt.Sprintf("answered %d %s", code, http.StatusText(code))
	switch code {
	case http.StatusUnauthorized:
		out += " (it wants a token: set shed.hook.token_file)"
	case http.StatusForbidden:
		out += " (not with this token: is the one in shed.hook.token_file the backend's?)"
	case http.StatusNotFound:
		out += " (is shed.hook its port and path?)"
	}
	return out
}

// reasonOf makes a reason fit for a close frame's sender: one line of bounded length.
func reasonOf(why string) string {
	const most = 200
	line := printable.Line(why)
	if runes := []rune(line); len(runes) > most {
		line = string(runes[:most])
	}
	return line
}

func (h *shedHook) close() { h.client.CloseIdleConnections() }
