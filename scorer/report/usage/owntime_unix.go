//go:build unix

package usage

import (
	"time"

	"golang.org/x/sys/unix"
)

// ownTime is the processor time that this process has used.
func ownTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0, err
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
