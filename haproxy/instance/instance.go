// Package instance runs a real HAProxy for as long as a test, a benchmark or a
// lab needs one.
//
//	Start ─▶ temporary directory, listeners on 127.0.0.1:0
//	      ─▶ haproxy -c   (an error carries what HAProxy says)
//	      ─▶ haproxy -db  (inherits the listeners, dies with its parent)
//	      ─▶ waits for the stats socket, and a master, to answer
//
// Ports never collide, since HAProxy inherits listeners that are open already,
// and nothing stays behind: Stop waits for the process and removes its files,
// and the kernel kills HAProxy if its parent dies first.
//
// It is not for running a HAProxy that serves users: it has no supervision.
package instance

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
)

// firstInherited is the number that the first inherited file has in a child.
const firstInherited = 3

// Instance is one running HAProxy. Its methods may be used concurrently,
// except Stop, Restart and Reload.
type Instance struct {
	opts   Options
	binary string
	dir    string
	socket string
	config string

	listeners []net.Listener
	inherited []*os.File
	output    output

	mu      sync.Mutex
	process *process
}

// Start runs HAProxy and returns when its stats socket answers, and its master if
// it has one. ctx bounds the start only; Stop ends the instance.
func Start(ctx context.Context, opts Options) (_ *Instance, err error) {
	binary := opts.Binary
	if binary == "" {
		if binary, err = Find(); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp(opts.Dir, "hap")
	if err != nil {
		return nil, fmt.Errorf("haproxy instance: %w", err)
	}
	in := &Instance{
		opts: opts, binary: binary, dir: dir,
		socket: filepath.Join(dir, "s"),
		config: filepath.Join(dir, "haproxy.cfg"),
	}
	defer func() {
		if err != nil {
			in.cleanUp()
		}
	}()
	if len(in.socket) > maxSocketPath {
		return nil, fmt.Errorf("haproxy instance: socket path %s is longer than %d bytes: use a shorter Dir", in.socket, maxSocketPath)
	}
	if err := in.listen(); err != nil {
		return nil, err
	}
	if err := in.WriteConfig(opts.Config); err != nil {
		return nil, err
	}
	if err := in.run(ctx); err != nil {
		return nil, err
	}
	return in, nil
}

// Socket is the path of the stats socket.
func (in *Instance) Socket() string { return in.socket }

// MasterSocket is the path of the master's socket with MasterWorker.
func (in *Instance) MasterSocket() string { return filepath.Join(in.dir, "m") }

// ConfigFile is the path of the configuration, all places filled in.
func (in *Instance) ConfigFile() string { return in.config }

// Addr is the address of the i-th inherited listener. It stays open, and
// connections to it wait, while HAProxy restarts.
func (in *Instance) Addr(i int) string { return in.listeners[i].Addr().String() }

// Output is what HAProxy has written so far; its beginning is dropped when it
// grows too long.
func (in *Instance) Output() string { return in.output.String() }

// WriteConfig replaces the configuration, for the next Restart or Reload.
func (in *Instance) WriteConfig(config string) error {
	text, err := expand(config, in.socket, in.opts.Listeners)
	if err != nil {
		return err
	}
	if err := os.WriteFile(in.config, []byte(text), 0o600); err != nil {
		return fmt.Errorf("haproxy instance: %w", err)
	}
	return nil
}

func (in *Instance) listen() error {
	for range in.opts.Listeners {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("haproxy instance: %w", err)
		}
		in.listeners = append(in.listeners, l)
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			return fmt.Errorf("haproxy instance: listener %s: %w", l.Addr(), err)
		}
		in.inherited = append(in.inherited, f)
	}
	return nil
}

func (in *Instance) cleanUp() {
	for _, f := range in.inherited {
		_ = f.Close()
	}
	for _, l := range in.listeners {
		_ = l.Close()
	}
	_ = os.RemoveAll(in.dir)
}
