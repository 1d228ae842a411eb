//go:build !linux

package demo

import "syscall"

// childAttributes keep a ctrl-C at the terminal from the child, which is told
// to end in its turn.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
