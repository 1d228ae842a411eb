//go:build !linux

package instance

import "syscall"

// childAttributes put the child into a group of its own. Only Linux can tie a
// child's life to its parent's: elsewhere Stop has to be called.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
