package backend

import (
	"context"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// reservation holds a port for a backend that refuses connections: a socket
// that is bound and does not listen. Without it another connection of this
// machine might be given the port while the backend is away.
type reservation struct {
	addr string
	file *os.File
}

// reserve takes the address; port 0 is any free one.
func reserve(addr string) (*reservation, error) {
	want, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	var family int
	var to unix.Sockaddr
	if v4 := want.IP.To4(); v4 != nil || want.IP == nil {
		family, to = unix.AF_INET, &unix.SockaddrInet4{Port: want.Port, Addr: [4]byte(append(v4, 0, 0, 0, 0)[:4])}
	} else {
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Port: want.Port, Addr: [16]byte(want.IP.To16())}
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	unix.CloseOnExec(fd)
	file := os.NewFile(uintptr(fd), addr)
	bound, err := bind(fd, to)
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return &reservation{addr: bound, file: file}, nil
}

func bind(fd int, to unix.Sockaddr) (string, error) {
	if err := shareable(uintptr(fd)); err != nil {
		return "", err
	}
	if err := unix.Bind(fd, to); err != nil {
		return "", err
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return "", err
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String(), nil
	case *unix.SockaddrInet6:
		return (&net.TCPAddr{IP: a.Addr[:], Port: a.Port}).String(), nil
	default:
		return "", fmt.Errorf("unexpected kind of address %T", name)
	}
}

// listen opens a listener beside the reservation.
func (r *reservation) listen(ctx context.Context) (net.Listener, error) {
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var err error
		if failed := c.Control(func(fd uintptr) { err = shareable(fd) }); failed != nil {
			return failed
		}
		return err
	}}
	return lc.Listen(ctx, "tcp", r.addr)
}

func (r *reservation) release() error { return r.file.Close() }

// shareable lets a second socket of this user have the same address.
func shareable(fd uintptr) error {
	return os.NewSyscallError("setsockopt SO_REUSEPORT",
		unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1))
}
