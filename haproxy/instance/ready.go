package instance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	readyPeriod = 5 * time.Millisecond
	// startTimeout bounds what a caller leaves unbounded.
	startTimeout = 10 * time.Second
)

// Reload makes the master start a new worker with the present configuration
// and returns when the new worker answers on the socket.
func (in *Instance) Reload(ctx context.Context) error {
	if !in.opts.MasterWorker {
		return errors.New("haproxy instance: reload needs MasterWorker")
	}
	before, err := in.askPID(ctx)
	if err != nil {
		return fmt.Errorf("haproxy instance: reload: %w", err)
	}
	if err := in.signalReload(ctx); err != nil {
		return err
	}
	in.mu.Lock()
	p := in.process
	in.mu.Unlock()
	return in.waitReady(ctx, p, before)
}

// signalReload repeats the signal until the master says that it reloads: a
// master that has only just started its worker does not listen yet.
func (in *Instance) signalReload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(20 * readyPeriod)
	defer tick.Stop()
	const said = "Reloading HAProxy"
	before := strings.Count(in.Output(), said)
	for strings.Count(in.Output(), said) == before {
		if err := in.Signal(syscall.SIGUSR2); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("haproxy instance: master %d does not reload: %w:\n%s", in.PID(), ctx.Err(), in.Output())
		case <-tick.C:
		}
	}
	return nil
}

// waitReady waits for a process other than `not` to answer on the socket.
func (in *Instance) waitReady(ctx context.Context, p *process, not int) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(readyPeriod)
	defer tick.Stop()
	for {
		pid, err := in.askPID(ctx)
		if err == nil && pid != not {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("haproxy instance: ended at once: %w:\n%s", p.err, in.Output())
		case <-ctx.Done():
			return fmt.Errorf("haproxy instance: socket %s not ready: %w:\n%s", in.socket, errors.Join(ctx.Err(), err), in.Output())
		case <-tick.C:
		}
	}
}

// askPID asks the process behind the socket for its id.
func (in *Instance) askPID(ctx context.Context) (int, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", in.socket)
	if err != nil {
		return 0, err
	}
	defer func() { _ = c.Close() }()
	deadline := time.Now().Add(time.Second)
	if t, ok := ctx.Deadline(); ok && t.Before(deadline) {
		deadline = t
	}
	if err := c.SetDeadline(deadline); err != nil {
		return 0, err
	}
	if _, err := c.Write([]byte("show info\n")); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "Pid: "); ok {
			return strconv.Atoi(text)
		}
	}
	return 0, errors.Join(errors.New("no Pid in show info"), lines.Err())
}
