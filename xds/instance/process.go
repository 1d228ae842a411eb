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

const (
	// stopTimeout is how long Envoy has for going by itself.
	stopTimeout = 3 * time.Second
	// startTimeout bounds what a caller leaves unbounded. Envoy waits up to 15 s
	// for a control plane that does not answer.
	startTimeout = time.Minute
	readyPeriod  = 5 * time.Millisecond
)

// process is one run of the program, from start to exit.
type process struct {
	pid  int
	done chan struct{}
	// err is why it ended; read it after done.
	err error
}

// PID is Envoy's process.
func (in *Instance) PID() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.process.pid
}

// Signal sends a signal to Envoy.
func (in *Instance) Signal(sig os.Signal) error {
	s, ok := sig.(syscall.Signal)
	if !ok {
		return fmt.Errorf("envoy instance: signal %v is not one of this system", sig)
	}
	if err := syscall.Kill(in.PID(), s); err != nil {
		return fmt.Errorf("envoy instance: signal %v to %d: %w", sig, in.PID(), err)
	}
	return nil
}

// Stop ends Envoy, a stopped one included, waits for it and removes its files.
func (in *Instance) Stop() error {
	err := in.end(syscall.SIGTERM)
	in.cleanUp()
	return err
}

// Restart kills Envoy without notice and starts it again with the same
// bootstrap. Listeners with port 0 get another port.
func (in *Instance) Restart(ctx context.Context) error {
	if err := in.end(syscall.SIGKILL); err != nil {
		return err
	}
	return in.run(ctx)
}

func (in *Instance) run(ctx context.Context) error {
	// The path outlives an Envoy that was killed, and the next one does not take it.
	if err := os.Remove(in.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("envoy instance: %w", err)
	}
	cmd := exec.Command(in.binary, in.arguments()...)
	cmd.Stdout, cmd.Stderr = &in.output, &in.output
	cmd.WaitDelay = stopTimeout
	cmd.SysProcAttr = childAttributes()

	p, err := start(cmd)
	if err != nil {
		return fmt.Errorf("envoy instance: start %s: %w", in.binary, err)
	}
	in.mu.Lock()
	in.process = p
	in.mu.Unlock()

	if err := in.waitReady(ctx, p); err != nil {
		return errors.Join(err, in.end(syscall.SIGKILL))
	}
	return nil
}

// waitReady polls the admin, which answers 503 until Envoy serves.
func (in *Instance) waitReady(ctx context.Context, p *process) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(readyPeriod)
	defer tick.Stop()
	for {
		_, err := in.Get(ctx, "/ready")
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("envoy instance: ended at once: %w:\n%s", p.err, in.Output())
		case <-ctx.Done():
			return fmt.Errorf("envoy instance: not ready: %w:\n%s", errors.Join(ctx.Err(), err), in.Output())
		case <-tick.C:
		}
	}
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

// end asks with sig and kills after a while.
func (in *Instance) end(sig syscall.Signal) error {
	in.mu.Lock()
	p := in.process
	in.mu.Unlock()
	select {
	case <-p.done: // its number may be another process's by now
		return nil
	default:
	}
	_ = syscall.Kill(p.pid, sig)
	_ = syscall.Kill(p.pid, syscall.SIGCONT)
	patience := time.NewTimer(stopTimeout)
	defer patience.Stop()
	select {
	case <-p.done:
		return nil
	case <-patience.C:
	}
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
	select {
	case <-p.done:
		return nil
	case <-time.After(2 * stopTimeout):
		return fmt.Errorf("envoy instance: process %d does not end", p.pid)
	}
}
