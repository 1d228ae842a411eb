package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy"
)

// Reload says how HAProxy is made to read its configuration again. Exactly one
// of MasterSocket and Command is set.
type Reload struct {
	// MasterSocket is the master's (haproxy -S): a path, unix@path or host:port.
	MasterSocket string
	// Command is run by the shell, "systemctl reload haproxy" for example. It has
	// to end by itself.
	Command string
	// Socket is a stats socket of level admin, over which weights and drains are
	// read before and set after. Without one nothing is carried over, and a
	// Command is believed when it says that it worked.
	Socket string
	// Timeout bounds the whole; default 1 minute. Once the reload has begun it is
	// gone through with, whatever becomes of the caller's context.
	Timeout time.Duration
}

const defaultTimeout = time.Minute

// ErrNotReloaded is that HAProxy goes on with the configuration it had.
var ErrNotReloaded = errors.New("HAProxy was not reloaded")

// Reload reloads HAProxy and carries weights, drains and maintenance over to the
// new worker, those of all backends. If that does not bring a new worker, the
// file is put back as it was, and the error is [ErrNotReloaded]. With any other
// error the new configuration is in force.
func (p *Plan) Reload(ctx context.Context, r Reload) (Carried, error) {
	if r.Timeout == 0 {
		r.Timeout = defaultTimeout
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.Timeout)
	defer cancel()
	before, err := r.before(ctx)
	if err == nil {
		err = r.trigger(ctx)
	}
	if err != nil {
		return Carried{}, p.undo(err)
	}
	if r.Socket == "" {
		return Carried{}, nil
	}
	s, now, err := r.successor(ctx, before)
	if err != nil {
		return Carried{}, p.undo(err)
	}
	defer s.Close()
	return carry(ctx, s, before, now)
}

// undo puts the file back after a reload that did not work, and says so.
func (p *Plan) undo(cause error) error {
	if p.backup == "" {
		return fmt.Errorf("%w: %w", ErrNotReloaded, cause)
	}
	if err := p.Restore(); err != nil {
		return fmt.Errorf("%w, and the old configuration could not be put back; it is in %s: %w", ErrNotReloaded, p.backup, errors.Join(cause, err))
	}
	return fmt.Errorf("%w; %s is as it was before: %w", ErrNotReloaded, p.path, cause)
}

// before reads the worker that will be replaced.
func (r Reload) before(ctx context.Context) (worker, error) {
	if r.Socket == "" {
		return worker{}, nil
	}
	s, err := haproxy.NewSession(r.Socket)
	if err != nil {
		return worker{}, err
	}
	defer s.Close()
	w, _, err := look(ctx, s)
	if err == nil && s.Level() != "admin" {
		return w, fmt.Errorf("haproxy %s: the socket has level %s: %w", r.Socket, s.Level(), haproxy.ErrPermission)
	}
	return w, err
}

func (r Reload) trigger(ctx context.Context) error {
	if r.MasterSocket != "" {
		return master{r.MasterSocket}.reload(ctx)
	}
	command := exec.CommandContext(ctx, "/bin/sh", "-c", r.Command)
	command.WaitDelay = time.Second
	said, err := command.CombinedOutput()
	if err != nil && !errors.Is(err, exec.ErrWaitDelay) { // it may have left a HAProxy behind that holds its output
		return fmt.Errorf("%s: %w: %s", r.Command, err, bytes.TrimSpace(said))
	}
	return nil
}

// successor waits for another process behind the socket and returns a session
// with it: the old one may still answer for some milliseconds.
func (r Reload) successor(ctx context.Context, before worker) (s *haproxy.Session, now worker, err error) {
	err = poll(ctx, fmt.Sprintf("haproxy %s: no new worker came", r.Socket), func() (bool, error) {
		next, err := haproxy.NewSession(r.Socket)
		if err != nil {
			return true, err
		}
		w, stopping, err := look(ctx, next)
		if err != nil || stopping || w.pid == before.pid {
			next.Close()
			return false, err
		}
		s, now = next, w
		return true, nil
	})
	return s, now, err
}
