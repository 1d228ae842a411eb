package instance

import "syscall"

// childAttributes put the child into a group of its own, so that workers end
// with their master, and have the kernel kill it when its parent dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
