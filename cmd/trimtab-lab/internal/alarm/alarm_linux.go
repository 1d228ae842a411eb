package alarm

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Alarm is one timer. Set, Wait and Close may be called concurrently; Wait by
// one goroutine at a time.
type Alarm struct {
	file *os.File

	mu sync.Mutex
	// fd is file's descriptor. File.Fd would take it off the netpoller.
	fd     int
	closed bool
}

// New returns an alarm that is not set.
func New() (*Alarm, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("alarm: timerfd: %w", err)
	}
	return &Alarm{file: os.NewFile(uintptr(fd), "timerfd"), fd: fd}, nil
}

// Set makes the alarm ring once, in d from now, instead of whenever it was set
// to before. What is not positive rings at once. A closed alarm takes no notice.
func (a *Alarm) Set(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return
	}
	// A value of zero would disarm it.
	value := unix.NsecToTimespec(int64(max(d, 1)))
	// An open timerfd refuses only malformed times, which max rules out.
	_ = unix.TimerfdSettime(a.fd, 0, &unix.ItimerSpec{Value: value}, nil)
}

// Wait blocks until the alarm rings. It may return early, so that callers look
// at the clock; it returns an error wrapping [os.ErrClosed] after Close.
func (a *Alarm) Wait() error {
	var rings [8]byte
	if _, err := a.file.Read(rings[:]); err != nil {
		return fmt.Errorf("alarm: %w", err)
	}
	return nil
}

// Close ends a Wait that is under way. Closing twice is harmless.
func (a *Alarm) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return nil
	}
	a.closed = true
	return a.file.Close()
}
