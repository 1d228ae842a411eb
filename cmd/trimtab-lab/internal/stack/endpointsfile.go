package stack

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// endpointsFile is what an Envoy reads its endpoints from whenever it is
// replaced: the least that a control plane can be. nil is none.
type endpointsFile struct {
	dir     string
	address map[string]string // by backend
	version int
	told    []Endpoint
}

func newEndpointsFile(dir string, backends []*backend.Backend, weights []int) (_ *endpointsFile, err error) {
	f := &endpointsFile{address: map[string]string{}}
	if f.dir, err = os.MkdirTemp(dir, "eds"); err != nil {
		return nil, err
	}
	var all []Endpoint
	for i, b := range backends {
		f.address[b.Config().Name] = b.Addr()
		all = append(all, Endpoint{Backend: b.Config().Name, Weight: weights[i]})
	}
	if err := f.write(all); err != nil {
		_ = f.remove()
		return nil, err
	}
	return f, nil
}

func (f *endpointsFile) path() string {
	if f == nil {
		return ""
	}
	return filepath.Join(f.dir, "endpoints.json")
}

func (f *endpointsFile) remove() error {
	if f == nil {
		return nil
	}
	return os.RemoveAll(f.dir)
}

// write replaces the file by a move, which is what Envoy watches for. What says
// nothing new is not written: Envoy would build everything anew.
func (f *endpointsFile) write(all []Endpoint) error {
	if f.version > 0 && slices.Equal(all, f.told) {
		return nil
	}
	var endpoints []map[string]any
	for _, e := range all {
		if e.Absent {
			continue
		}
		host, text, err := net.SplitHostPort(f.address[e.Backend])
		if err != nil {
			return fmt.Errorf("endpoints for Envoy: backend %s: %w", e.Backend, err)
		}
		port, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("endpoints for Envoy: backend %s: %w", e.Backend, err)
		}
		one := map[string]any{
			"load_balancing_weight": max(e.Weight, 1),
			"endpoint":              map[string]any{"address": map[string]any{"socket_address": map[string]any{"address": host, "port_value": port}}},
		}
		if e.Weight <= 0 {
			one["health_status"] = "DRAINING"
		}
		endpoints = append(endpoints, one)
	}
	f.version++
	text, err := json.Marshal(map[string]any{
		"version_info": strconv.Itoa(f.version),
		"resources": []any{map[string]any{
			"@type":        "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
			"cluster_name": Pool,
			"endpoints":    []any{map[string]any{"lb_endpoints": endpoints}},
		}},
	})
	if err == nil {
		err = os.WriteFile(f.path()+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(f.path()+".new", f.path())
	}
	if err != nil {
		return fmt.Errorf("endpoints for Envoy: %w", err)
	}
	f.told = slices.Clone(all)
	return nil
}

// steer replaces what Envoy is told.
func (e *envoy) steer(to []Endpoint) error {
	if e.endpoints == nil {
		return ErrNotSteered
	}
	return e.endpoints.write(to)
}
