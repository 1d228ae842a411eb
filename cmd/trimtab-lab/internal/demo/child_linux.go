package demo

import "syscall"

// childAttributes keep a ctrl-C at the terminal from the child, which is told
// to end in its turn, and have the kernel kill it when its parent dies.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
