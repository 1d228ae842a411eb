//go:build !linux

package child

import "syscall"

// attributes keep a ctrl-C at the terminal from the child, which is told
// to end in its turn.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
