// Package instance runs a real Envoy for as long as a test, a benchmark or a
// lab needs one.
//
//	Start ─▶ temporary directory with the bootstrap, admin on a unix socket in it
//	      ─▶ envoy -c …   (no hot restart, dies with its parent)
//	      ─▶ waits for the admin, then for /ready
//	                                     │
//	Hosts, Stats, Listener, Get … ◀────┘ what the running Envoy says of itself
//
// Any bootstrap will do as it is, also one made for production: its admin
// address is replaced, so that several Envoys never collide over it. Listeners
// with port 0 get a free port, which [Instance.Listener] tells. Nothing stays
// behind: Stop waits for the process and removes its files, and the kernel kills
// Envoy if its parent dies first.
//
// It is not for running an Envoy that serves users: it has no supervision.
package instance

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
)

// maxSocketPath is sun_path's size less its closing NUL.
const maxSocketPath = 107

// Instance is one running Envoy. Its methods may be used concurrently, except
// Stop and Restart.
type Instance struct {
	opts   Options
	binary string
	dir    string
	config string
	socket string
	admin  *http.Client
	output output

	mu      sync.Mutex
	process *process
}

// Start runs Envoy and returns when it is ready, which is when its clusters and
// listeners have what they need from their control plane. ctx bounds the start
// only; Stop ends the instance.
func Start(ctx context.Context, opts Options) (_ *Instance, err error) {
	binary := opts.Binary
	if binary == "" {
		if binary, err = Find(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(opts.Dir, "env")
	if err != nil {
		return nil, fmt.Errorf("envoy instance: %w", err)
	}
	in := &Instance{
		opts: opts, binary: binary, dir: dir,
		config: filepath.Join(dir, "envoy.yaml"),
		socket: filepath.Join(dir, "admin"),
	}
	defer func() {
		if err != nil {
			in.cleanUp()
		}
	}()
	if len(in.socket) > maxSocketPath {
		return nil, fmt.Errorf("envoy instance: socket path %s is longer than %d bytes: use a shorter Dir", in.socket, maxSocketPath)
	}
	in.admin = newAdminClient(in.socket)
	if err := os.WriteFile(in.config, []byte(opts.Config), 0o600); err != nil {
		return nil, fmt.Errorf("envoy instance: %w", err)
	}
	if err := in.run(ctx); err != nil {
		return nil, err
	}
	return in, nil
}

// Admin is the path of the admin's unix socket.
func (in *Instance) Admin() string { return in.socket }

// Output is what Envoy has logged so far; its beginning is dropped when it grows
// too long.
func (in *Instance) Output() string { return in.output.String() }

func (in *Instance) cleanUp() {
	if in.admin != nil {
		in.admin.CloseIdleConnections()
	}
	_ = os.RemoveAll(in.dir)
}
