// Package child runs a program beside this one, as a person would, and keeps the
// end of what it says for the error when it fails.
//
// It ends when it is told to, and with this process at the latest. It is not for
// programs that are to come back when they have ended.
package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long it has to put things in order and go.
	stopTimeout = 6 * time.Second
	// maxSaid is how much of a child's output is kept for an error.
	maxSaid = 16 << 10
	// startTimeout is how long it has to listen, and listenPeriod how often
	// that is tried.
	startTimeout = 10 * time.Second
	listenPeriod = 10 * time.Millisecond
)

// Process is one that has been started.
type Process struct {
	cmd  *exec.Cmd
	said tail
	// Dir, unless it is "", is removed when it has ended.
	Dir string
	// done is closed when it has ended; err is then why.
	done chan struct{}
	err  error
}

// Start runs the program. The caller has to call Stop.
func Start(path string, args ...string) (*Process, error) {
	p := &Process{done: make(chan struct{})}
	p.cmd = exec.Command(path, args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.said, &p.said
	p.cmd.SysProcAttr = attributes()
	started := make(chan error)
	go func() {
		defer close(p.done)
		// The kernel takes the end of the thread that forked for the parent's
		// death: keep it for as long as the child lives.
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			p.err = p.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return p, nil
}

// PID is the process.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Wait returns an error when the process ends, which it should not, or nil when
// ctx is done.
func (p *Process) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-p.done:
		return p.ended()
	}
}

func (p *Process) ended() error {
	return fmt.Errorf("%s ended by itself (%w) and said:\n%s", p.cmd, errors.Join(p.err), p.said.String())
}

// Listens returns when somebody can connect to it at that address.
func (p *Process) Listens(ctx context.Context, address string) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(listenPeriod)
	defer tick.Stop()
	for {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-tick.C:
		case <-p.done:
			return p.ended()
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w; it said:\n%s", p.cmd, address, errors.Join(ctx.Err(), err), p.said.String())
		}
	}
}

// Signal sends it a signal; one that has ended takes no notice.
func (p *Process) Signal(s os.Signal) { _ = p.cmd.Process.Signal(s) }

// Stop interrupts it, so that it can put things in order, and waits.
func (p *Process) Stop() error {
	err := p.interrupt()
	if p.Dir != "" {
		err = errors.Join(err, os.RemoveAll(p.Dir))
	}
	return err
}

func (p *Process) interrupt() error {
	_ = p.cmd.Process.Signal(os.Interrupt)
	patience := time.NewTimer(stopTimeout)
	defer patience.Stop()
	select {
	case <-p.done:
		return nil
	case <-patience.C:
	}
	_ = syscall.Kill(-p.PID(), syscall.SIGKILL)
	<-p.done
	return fmt.Errorf("%s did not end within %v of an interrupt and was killed; it said:\n%s", p.cmd, stopTimeout, p.said.String())
}

// tail keeps the end of what is written to it.
type tail struct {
	mu   sync.Mutex
	text []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if over := len(t.text) - maxSaid; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.text))
}
