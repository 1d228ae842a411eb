package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	// timeout bounds one request.
	timeout = 5 * time.Second
	// maxAnswer is room for the configuration of thousands of clusters.
	maxAnswer = 128 << 20
	// maxComplaint is as much as an error shows of an answer.
	maxComplaint = 200
)

// Client asks one Envoy. Its methods may be used concurrently.
type Client struct {
	name, base string
	http       *http.Client
}

// New returns a client of the admin at host:port, or at unix:PATH. Nothing is asked
// yet. Close it.
func New(address string) (*Client, error) {
	c := &Client{name: "envoy admin " + address, base: "http://" + address}
	transport := &http.Transport{}
	if path, ok := strings.CutPrefix(address, "unix:"); ok {
		if path == "" {
			return nil, fmt.Errorf("%s: the path of the socket is missing", c.name)
		}
		c.base = "http://envoy"
		transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
	} else if host, port, err := net.SplitHostPort(address); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("%s: must be host:port or unix:PATH", c.name)
	}
	c.http = &http.Client{Timeout: timeout, Transport: transport}
	return c, nil
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

func (c *Client) get(ctx context.Context, path string) ([]byte, error) {
	body, err := c.try(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("%s: GET %s: %w", c.name, path, err)
	}
	return body, nil
}

func (c *Client) try(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }() // what was read counts
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: %s", response.Status, strings.TrimSpace(string(body[:min(len(body), maxComplaint)])))
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("the answer is larger than %d MB", maxAnswer>>20)
	}
	return body, nil
}

// withoutURL takes off what the caller says, too.
func withoutURL(err error) error {
	if wrapped := errors.Unwrap(err); wrapped != nil {
		return wrapped
	}
	return err
}

// page asks for a page and decodes it.
func page[T any](ctx context.Context, c *Client, path string, decode func([]byte) (T, error)) (T, error) {
	var none T
	body, err := c.get(ctx, path)
	if err != nil {
		return none, err
	}
	out, err := decode(body)
	if err != nil {
		return none, fmt.Errorf("%s: GET %s: %w", c.name, path, err)
	}
	return out, nil
}
