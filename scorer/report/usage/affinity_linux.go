package usage

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// affinity is how many processors a process may run on.
func affinity(pid int) int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &set); err != nil || set.Count() == 0 {
		return runtime.NumCPU()
	}
	return set.Count()
}
