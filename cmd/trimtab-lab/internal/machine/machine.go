// Package machine says what a process may use of this machine and what it has
// used: processor time and open files.
package machine

import (
	"fmt"
	"math"
	"time"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// CPUTime is the processor time that the process has used so far, all its
// threads together, in steps of about 10 ms.
func CPUTime(pid int) (time.Duration, error) {
	p, err := procfs.NewProc(pid)
	if err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	stat, err := p.Stat()
	if err != nil {
		return 0, fmt.Errorf("processor time of process %d: %w", pid, err)
	}
	return time.Duration(stat.CPUTime() * float64(time.Second)), nil
}

// Meter measures how many cores a process keeps busy. The zero Meter is of no
// process.
type Meter struct {
	pid  int
	at   time.Time
	used time.Duration
	ok   bool
}

// NewMeter begins to measure the process.
func NewMeter(pid int) Meter {
	used, err := CPUTime(pid)
	return Meter{pid: pid, at: time.Now(), used: used, ok: err == nil}
}

// Cores is the mean number of cores in use since NewMeter, NaN where the system
// does not tell or the process is gone.
func (m Meter) Cores() float64 {
	used, err := CPUTime(m.pid)
	if err != nil || !m.ok {
		return math.NaN()
	}
	return (used - m.used).Seconds() / time.Since(m.at).Seconds()
}

// spareFiles is what a process needs besides its connections.
const spareFiles = 200

// Connections is how many connections this process may have open at once.
func Connections() (int, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("limit of open files: %w", err)
	}
	return int(min(limit.Cur, math.MaxInt32)) - spareFiles, nil
}

// NeedFiles returns an error when this process may not open so many
// connections at once.
func NeedFiles(connections int) error {
	most, err := Connections()
	if err != nil {
		return err
	}
	if connections > most {
		return fmt.Errorf("%d connections need %d open files, this process may have %d: raise it (ulimit -n) or use fewer connections",
			connections, connections+spareFiles, most+spareFiles)
	}
	return nil
}
