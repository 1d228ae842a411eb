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
	return in.waitFor(ctx, p, in.socket, func(ctx context.Context) (bool, error) {
		pid, err := in.askPID(ctx)
		return err == nil && pid != not, err
	})
}

// waitMaster waits for the master to answer. Its worker may do so before it: until
// then the master takes no signal, and one that comes is lost.
func (in *Instance) waitMaster(ctx context.Context, p *process) error {
	return in.waitFor(ctx, p, in.MasterSocket(), func(ctx context.Context) (bool, error) {
		_, err := ask(ctx, in.MasterSocket(), "show proc", "")
		return err == nil, err
	})
}

func (in *Instance) waitFor(ctx context.Context, p *process, socket string, ready func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(readyPeriod)
	defer tick.Stop()
	for {
		ok, err := ready(ctx)
		if ok {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("haproxy instance: ended at once: %w:\n%s", p.err, in.Output())
		case <-ctx.Done():
			return fmt.Errorf("haproxy instance: socket %s not ready: %w:\n%s", socket, errors.Join(ctx.Err(), err), in.Output())
		case <-tick.C:
		}
	}
}

// askPID asks the process behind the socket for its id.
func (in *Instance) askPID(ctx context.Context) (int, error) {
	text, err := ask(ctx, in.socket, "show info", "Pid: ")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// ask sends a command and returns what comes after prefix in the first line of the
// answer that begins with it.
func ask(ctx context.Context, socket, command, prefix string) (string, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	deadline := time.Now().Add(time.Second)
	if t, ok := ctx.Deadline(); ok && t.Before(deadline) {
		deadline = t
	}
	if err := c.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, command); err != nil {
		return "", err
	}
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), prefix); ok {
			return text, nil
		}
	}
	return "", errors.Join(fmt.Errorf("no line %q in %s", prefix, command), lines.Err())
}
