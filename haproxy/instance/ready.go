package instance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	readyPeriod = 5 * time.Millisecond
	// startTimeout bounds what a caller leaves unbounded.
	startTimeout = 10 * time.Second
	// signalAgain is after how long a signal is taken for lost.
	signalAgain = 3 * time.Second
)

// Reload makes the master start a new worker with the present configuration
// and returns when the new worker answers on the socket and the old one takes no
// more connections: for a moment both do.
func (in *Instance) Reload(ctx context.Context) error {
	if !in.opts.MasterWorker {
		return errors.New("haproxy instance: reload needs MasterWorker")
	}
	old, err := in.callWorker(ctx)
	if err != nil {
		return fmt.Errorf("haproxy instance: reload: %w", err)
	}
	defer old.close()
	in.mu.Lock()
	p := in.process
	in.mu.Unlock()
	// One that starts its worker yet loses the signal.
	if err := in.waitMaster(ctx, p); err != nil {
		return err
	}
	if err := in.signalReload(ctx); err != nil {
		return err
	}
	if err := in.waitReady(ctx, p, old.pid); err != nil {
		return err
	}
	return in.waitStopping(ctx, old)
}

// signalReload signals the master and waits until it says that it reloads. The signal
// is repeated only when that takes long: a second one that comes while the master
// starts again would be another reload.
func (in *Instance) signalReload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(readyPeriod)
	defer tick.Stop()
	const said = "Reloading HAProxy"
	before := strings.Count(in.Output(), said)
	signalled := time.Time{}
	for strings.Count(in.Output(), said) == before {
		if time.Since(signalled) > signalAgain {
			if err := in.Signal(syscall.SIGUSR2); err != nil {
				return err
			}
			signalled = time.Now()
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("haproxy instance: master %d does not reload: %w:\n%s", in.PID(), ctx.Err(), in.Output())
		case <-tick.C:
		}
	}
	return nil
}

// call is a connection to one worker, which stays the same one's.
type call struct {
	conn  net.Conn
	lines *bufio.Scanner
	pid   int
}

func (c *call) close() { _ = c.conn.Close() }

// callWorker connects to the worker that answers, however long that takes it.
func (in *Instance) callWorker(ctx context.Context) (*call, error) {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", in.socket)
	if err != nil {
		return nil, err
	}
	c := &call{conn: conn, lines: bufio.NewScanner(conn)}
	deadline, _ := ctx.Deadline()
	err = conn.SetDeadline(deadline)
	if err == nil {
		_, err = conn.Write([]byte("prompt\n"))
	}
	if err == nil {
		c.pid, _, err = c.info()
	}
	if err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// info asks the worker for its id and whether it takes no more connections.
func (c *call) info() (pid int, stopping bool, err error) {
	if _, err := c.conn.Write([]byte("show info\n")); err != nil {
		return 0, false, err
	}
	for c.lines.Scan() {
		// The prompt may be in front of a line.
		line := strings.TrimPrefix(c.lines.Text(), "> ")
		if text, ok := strings.CutPrefix(line, "Pid: "); ok {
			if pid, err = strconv.Atoi(text); err != nil {
				return 0, false, err
			}
		}
		if text, ok := strings.CutPrefix(line, "Stopping: "); ok {
			return pid, text != "0", nil
		}
	}
	return 0, false, errors.Join(io.ErrUnexpectedEOF, c.lines.Err())
}

// waitStopping waits until the old worker takes no more connections, or is gone.
func (in *Instance) waitStopping(ctx context.Context, old *call) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	deadline, _ := ctx.Deadline()
	if err := old.conn.SetDeadline(deadline); err != nil {
		return fmt.Errorf("haproxy instance: reload: %w", err)
	}
	tick := time.NewTicker(readyPeriod)
	defer tick.Stop()
	for {
		_, stopping, err := old.info()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			return fmt.Errorf("haproxy instance: reload: old worker %d does not answer: %w", old.pid, err)
		case err != nil || stopping:
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("haproxy instance: reload: old worker %d does not stop: %w", old.pid, ctx.Err())
		case <-tick.C:
		}
	}
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
	c, err := dial(ctx, socket)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
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

// dial connects for one exchange, which may take a second.
func dial(ctx context.Context, socket string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, err
	}
	deadline := time.Now().Add(time.Second)
	if t, ok := ctx.Deadline(); ok && t.Before(deadline) {
		deadline = t
	}
	if err := c.SetDeadline(deadline); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}
