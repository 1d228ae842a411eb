package instance

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// adminTimeout bounds one question to the admin.
const adminTimeout = 5 * time.Second

// StatusError is an answer of the admin other than 200.
type StatusError struct {
	Path   string
	Status int
	Body   string
}

func (e *StatusError) Error() string {
	return fmt.Sprintf("envoy admin %s: status %d: %s", e.Path, e.Status, strings.TrimSpace(e.Body))
}

// newAdminClient returns a client whose every connection goes to the socket.
func newAdminClient(socket string) *http.Client {
	return &http.Client{Timeout: adminTimeout, Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
}

// Get asks the admin, for example for "/config_dump?include_eds". An answer other
// than 200 is a [*StatusError].
func (in *Instance) Get(ctx context.Context, path string) ([]byte, error) {
	return in.ask(ctx, http.MethodGet, path)
}

// Post has the admin change something, for example "/drain_listeners".
func (in *Instance) Post(ctx context.Context, path string) ([]byte, error) {
	return in.ask(ctx, http.MethodPost, path)
}

func (in *Instance) ask(ctx context.Context, method, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://envoy"+path, nil)
	if err != nil {
		return nil, fmt.Errorf("envoy admin %s: %w", path, err)
	}
	response, err := in.admin.Do(request)
	if err != nil {
		return nil, fmt.Errorf("envoy admin %s: %w", path, err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, fmt.Errorf("envoy admin %s: %w", path, err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, &StatusError{Path: path, Status: response.StatusCode, Body: string(body)}
	}
	return body, nil
}
