package demo

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
	// stopTimeout is how long trimtab has to restore weights and go.
	stopTimeout = 6 * time.Second
	// maxSaid is how much of a child's output is kept for an error.
	maxSaid = 16 << 10
	// startTimeout is how long trimtab has to listen, and listenPeriod how often
	// that is tried.
	startTimeout = 10 * time.Second
	listenPeriod = 10 * time.Millisecond
)

// tuner is trimtab as a child process, started as a person would.
type tuner struct {
	cmd  *exec.Cmd
	said tail
	// dir, unless it is "", is removed when it has ended.
	dir string
	// done is closed when it has ended; err is then why.
	done chan struct{}
	err  error
}

func startTuner(path string, args ...string) (*tuner, error) {
	t := &tuner{done: make(chan struct{})}
	t.cmd = exec.Command(path, args...)
	t.cmd.Stdout, t.cmd.Stderr = &t.said, &t.said
	t.cmd.SysProcAttr = childAttributes()
	started := make(chan error)
	go func() {
		defer close(t.done)
		// The kernel takes the end of the thread that forked for the parent's
		// death: keep it for as long as the child lives.
		runtime.LockOSThread()
		err := t.cmd.Start()
		started <- err
		if err == nil {
			t.err = t.cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", path, err)
	}
	return t, nil
}

func (t *tuner) pid() int { return t.cmd.Process.Pid }

// wait returns an error when the tuner ends, which it should not, or nil when
// ctx is done.
func (t *tuner) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-t.done:
		return t.ended()
	}
}

func (t *tuner) ended() error {
	return fmt.Errorf("%s ended by itself (%w) and said:\n%s", t.cmd, errors.Join(t.err), t.said.String())
}

// listens returns when somebody can connect to trimtab at that address.
func (t *tuner) listens(ctx context.Context, address string) error {
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
		case <-t.done:
			return t.ended()
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w; it said:\n%s", t.cmd, address, errors.Join(ctx.Err(), err), t.said.String())
		}
	}
}

// stop interrupts the tuner, so that it restores what it found, and waits.
func (t *tuner) stop() error {
	err := t.interrupt()
	if t.dir != "" {
		err = errors.Join(err, os.RemoveAll(t.dir))
	}
	return err
}

func (t *tuner) interrupt() error {
	_ = t.cmd.Process.Signal(os.Interrupt)
	patience := time.NewTimer(stopTimeout)
	defer patience.Stop()
	select {
	case <-t.done:
		return nil
	case <-patience.C:
	}
	_ = syscall.Kill(-t.pid(), syscall.SIGKILL)
	<-t.done
	return fmt.Errorf("%s did not end within %v of an interrupt and was killed; it said:\n%s", t.cmd, stopTimeout, t.said.String())
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
