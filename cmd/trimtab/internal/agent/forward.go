package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/scorer/report"
)

const (
	// forwardTimeout bounds a request to the application's hook.
	forwardTimeout = 5 * time.Second
	// maxAnswer is far above any answer to it.
	maxAnswer = 16 << 10
)

// forwarder passes requests to shed connections on to the application, which
// takes and answers them as package report does.
type forwarder struct {
	url    string
	token  token.Flag
	client *http.Client
}

func newForwarder(url, tokenFile string) *forwarder {
	return &forwarder{url, token.Flag{TokenFile: tokenFile}, &http.Client{
		Timeout:   forwardTimeout,
		Transport: &http.Transport{Proxy: nil, MaxIdleConns: 1, IdleConnTimeout: time.Minute},
		// Followed, it would carry the token elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Shed asks the application and returns its answer.
func (f *forwarder) Shed(ctx context.Context, request report.ShedRequest) (report.ShedAnswer, error) {
	answer, err := f.post(ctx, request)
	if err != nil {
		return answer, fmt.Errorf("the application's hook to shed connections: %w", err)
	}
	return answer, nil
}

func (f *forwarder) post(ctx context.Context, request report.ShedRequest) (report.ShedAnswer, error) {
	var answer report.ShedAnswer
	body, err := json.Marshal(request)
	if err != nil {
		return answer, err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, f.url, bytes.NewReader(body))
	if err != nil {
		return answer, errors.New("not a URL")
	}
	post.Header.Set("Content-Type", "application/json")
	if err := f.token.Authorize(post); err != nil {
		return answer, err
	}
	response, err := f.client.Do(post)
	if err != nil {
		// url.Error says the URL, password included.
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		return answer, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusTooManyRequests {
		return answer, fmt.Errorf("status %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(&answer); err != nil {
		return answer, fmt.Errorf("its answer is none: %w", err)
	}
	return answer, nil
}
