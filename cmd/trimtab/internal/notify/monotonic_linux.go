package notify

import "golang.org/x/sys/unix"

// monotonicMicroseconds is the kernel's monotonic clock, by which systemd
// tells a reload that it asked for from an earlier one.
func monotonicMicroseconds() (int64, bool) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return 0, false
	}
	return now.Nano() / 1000, true
}
