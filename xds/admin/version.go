package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Version is a release of Envoy.
type Version struct{ Major, Minor, Patch int }

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// before says whether it is older than a release.
func (v Version) before(major, minor int) bool {
	return v.Major < major || v.Major == major && v.Minor < minor
}

// ReportsEndpoints says whether it can report load by endpoint.
func (v Version) ReportsEndpoints() bool { return !v.before(1, 36) }

// Version tells which Envoy it is.
func (c *Client) Version(ctx context.Context) (Version, error) {
	return page(ctx, c, "/server_info", decodeVersion)
}

var errNotEnvoy = errors.New("that is no answer of Envoy's")

// decodeVersion reads "9e55…/1.40.0/Clean/RELEASE/BoringSSL".
func decodeVersion(data []byte) (Version, error) {
	var info struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(data, &info); err != nil {
		return Version{}, fmt.Errorf("%w: %w", errNotEnvoy, err)
	}
	parts := strings.Split(info.Version, "/")
	if len(parts) < 2 {
		return Version{}, fmt.Errorf("%w: version %q", errNotEnvoy, info.Version)
	}
	var v Version
	// A build in between is 1.41.0-dev.
	if _, err := fmt.Sscanf(parts[1], "%d.%d.%d", &v.Major, &v.Minor, &v.Patch); err != nil {
		return Version{}, fmt.Errorf("%w: version %q: %w", errNotEnvoy, info.Version, err)
	}
	return v, nil
}
