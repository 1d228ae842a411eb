package child

import "syscall"

// attributes keep a ctrl-C at the terminal from the child, which is told
// to end in its turn, and have the kernel kill it when its parent dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
