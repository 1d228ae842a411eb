package realtime

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// passes bounds the search for threads that were born while others were set.
const passes = 20

// Enter puts every thread of this process into real-time round robin and
// returns what is in force, with the reason when that is Normal. Threads that
// the Go runtime starts later inherit it.
func Enter() (Class, error) {
	for range passes {
		changed, err := setThreads()
		if err != nil {
			return Normal, fmt.Errorf("real-time priority: %w", err)
		}
		if !changed {
			return RoundRobin, nil
		}
	}
	return Normal, errors.New("real-time priority: threads multiply faster than they can be set")
}

// setThreads sets the threads that are not yet and reports whether there were any.
func setThreads() (changed bool, _ error) {
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		return false, err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			return false, err
		}
		now, err := unix.SchedGetAttr(tid, 0)
		if errors.Is(err, unix.ESRCH) {
			continue // it has ended meanwhile
		}
		if err != nil {
			return false, fmt.Errorf("sched_getattr of thread %d: %w", tid, err)
		}
		if now.Policy == unix.SCHED_RR {
			continue
		}
		want := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_RR, Priority: 1}
		if err := unix.SchedSetAttr(tid, &want, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return false, fmt.Errorf("sched_setattr of thread %d: %w", tid, err)
		}
		changed = true
	}
	return changed, nil
}
