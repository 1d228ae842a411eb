package instance

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// adminTimeout bounds one question to the admin.
const adminTimeout = 5 * time.Second

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
// than 200 is an error.
func (in *Instance) Get(ctx context.Context, path string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://envoy"+path, nil)
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
		return nil, fmt.Errorf("envoy admin %s: status %d: %s", path, response.StatusCode, bytes.TrimSpace(body))
	}
	return body, nil
}
