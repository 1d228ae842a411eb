package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
	"time"
)

func (s *Session) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	if err := s.waitBackoff(ctx); err != nil {
		return err
	}
	err := s.dial(ctx)
	if err == nil {
		s.backoff, s.notYet = 0, time.Time{}
		s.connects.Add(1)
		return nil
	}
	s.close()
	s.backoff = min(max(2*s.backoff, 20*time.Millisecond), maxBackoff)
	s.notYet = time.Now().Add(s.backoff/2 + rand.N(s.backoff/2))
	return fmt.Errorf("connect: %w", err)
}

func (s *Session) waitBackoff(ctx context.Context) error {
	wait := min(time.Until(s.notYet), time.Until(s.due))
	if wait <= 0 {
		return nil
	}
	if !pause(ctx, wait) {
		return fmt.Errorf("waiting to connect again: %w: %w", ErrUnreachable, ctx.Err())
	}
	return nil
}

func (s *Session) dial(ctx context.Context) error {
	dialer := net.Dialer{Deadline: s.due}
	conn, err := dialer.DialContext(ctx, s.network, s.address)
	if err != nil {
		return s.dialError(err)
	}
	s.conn, s.start, s.filled = conn, 0, 0
	return s.cancellable(ctx, conn, func() error { return s.greet(ctx) })
}

// dialError says what is wrong with a socket and what to do.
func (s *Session) dialError(err error) error {
	kind := dialKind(err)
	if s.network == "unix" && s.address[0] == '/' && !errors.Is(kind, ErrHung) {
		return fmt.Errorf("%w: %w: %s", err, kind, access(s.address, myself()))
	}
	return fmt.Errorf("%w: %w", err, kind)
}

// dialKind tells a process that does not take connections from one that is not
// there or does not want us.
func dialKind(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return ErrHung
	}
	switch {
	case errors.Is(err, syscall.EAGAIN): // the queue of a Unix socket is full
		return ErrHung
	case errors.Is(err, os.ErrPermission):
		return ErrSocketPermission
	default:
		return ErrUnreachable
	}
}

func (s *Session) greet(ctx context.Context) error {
	greeting := s.dialect.greeting
	return s.exchange(ctx, greeting, func(i int, text []byte) error {
		if s.dialect.asksLevel && i == len(greeting)-1 {
			level := string(bytes.TrimSpace(bytes.TrimPrefix(text, []byte("[6]: "))))
			s.level.Store(&level)
			return nil
		}
		if len(text) > 0 {
			return refused(greeting[i], text)
		}
		return nil
	})
}
