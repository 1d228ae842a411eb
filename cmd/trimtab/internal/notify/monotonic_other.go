//go:build !linux

package notify

// monotonicMicroseconds is for systemd, which runs on Linux only.
func monotonicMicroseconds() (int64, bool) { return 0, false }
