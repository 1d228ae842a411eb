package instance

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// stopTimeout is how long HAProxy has for going by itself.
const stopTimeout = 3 * time.Second

// process is one run of the program, from start to exit.
type process struct {
	pid  int
	done chan struct{}
	// err is why it ended; read it after done.
	err error
}

// PID is the process HAProxy was started as: the master with MasterWorker.
func (in *Instance) PID() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.process.pid
}

// Signal sends a signal to the process PID names.
func (in *Instance) Signal(sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return fmt.Errorf("haproxy instance: signal %v is not one of this system", sig)
	}
	if err := syscall.Kill(in.PID(), s); err != nil {
		return fmt.Errorf("haproxy instance: signal %v to %d: %w", sig, in.PID(), err)
	}
	return nil
}

// Stop ends HAProxy, a stopped one included, waits for it and removes its files.
func (in *Instance) Stop() error {
	err := in.end(syscall.SIGTERM)
	in.cleanUp()
	return err
}

// Restart kills HAProxy without notice and starts it again with the present
// configuration, on the same socket and listeners.
func (in *Instance) Restart(ctx context.Context) error {
	if err := in.end(syscall.SIGKILL); err != nil {
		return err
	}
	return in.run(ctx)
}

// run validates the configuration and starts the program. It starts it once more
// when it is there and says nothing: 2.6 hangs at its start once in some hundred
// times on a machine that is busy.
func (in *Instance) run(ctx context.Context) error {
	check := exec.CommandContext(ctx, in.binary, "-c", "-f", in.config)
	check.ExtraFiles = in.inherited
	if said, err := check.CombinedOutput(); err != nil {
		return fmt.Errorf("%s -c: %w:\n%s", in.binary, err, said)
	}
	err := in.launch(ctx)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		err = in.launch(ctx)
	}
	return err
}

// launch starts the program and waits until it answers.
func (in *Instance) launch(ctx context.Context) error {
	mode := []string{"-db"}
	if in.opts.MasterWorker {
		mode = []string{"-W", "-S", in.MasterSocket()}
	}
	cmd := exec.Command(in.binary, append(mode, "-f", in.config)...)
	cmd.ExtraFiles = in.inherited
	cmd.Stdout, cmd.Stderr = &in.output, &in.output
	cmd.WaitDelay = stopTimeout
	cmd.SysProcAttr = childAttributes()

	p, err := start(cmd)
	if err != nil {
		return fmt.Errorf("haproxy instance: start %s: %w", in.binary, err)
	}
	in.mu.Lock()
	in.process = p
	in.mu.Unlock()

	err = in.waitReady(ctx, p, 0)
	if err == nil && in.opts.MasterWorker {
		err = in.waitMaster(ctx, p)
	}
	if err != nil {
		return errors.Join(err, in.end(syscall.SIGKILL))
	}
	return nil
}

// start keeps the thread that forks for as long as the child lives: the kernel
// takes the end of that thread, not of the program, for the parent's death.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{done: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the child
		err := cmd.Start()
		if err == nil {
			p.pid = cmd.Process.Pid
		}
		started <- err
		if err == nil {
			p.err = cmd.Wait()
		}
		close(p.done)
	}()
	return p, <-started
}

// end asks with sig and, after a while, kills the whole process group.
func (in *Instance) end(sig syscall.Signal) error {
	in.mu.Lock()
	p := in.process
	in.mu.Unlock()
	if p == nil {
		return nil
	}
	_ = syscall.Kill(-p.pid, sig)
	_ = syscall.Kill(-p.pid, syscall.SIGCONT)
	patience := time.NewTimer(stopTimeout)
	defer patience.Stop()
	select {
	case <-p.done:
	case <-patience.C:
	}
	// Workers and what they forked may outlive the process that was started.
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	select {
	case <-p.done:
		return nil
	case <-time.After(2 * stopTimeout):
		return fmt.Errorf("haproxy instance: process %d does not end", p.pid)
	}
}
