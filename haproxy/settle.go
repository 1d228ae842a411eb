package haproxy

import (
	"context"
	"io"
	"slices"
	"strings"
	"time"
)

// settleTimeout is how long is waited for what was sent before, once HAProxy answers
// again. Longer than that hangs a process that another one has taken the place of.
const settleTimeout = 2 * time.Second

// giveUp ends the connection on which commands have failed. HAProxy may find them yet
// when it goes on: the end of the connection does not take them back. Threads of it
// serve one connection each, so that a command on the next one may come before them
// and be undone by them. So where they change something, half of the connection stays
// open, on which HAProxy says when it is through with them.
func (s *Session) giveUp(commands []string) {
	half, ok := s.conn.(interface{ CloseWrite() error })
	if ok && slices.ContainsFunc(commands, changes) && half.CloseWrite() == nil {
		s.left, s.conn = s.conn, nil
	}
	s.close()
}

// changes says whether a command does more than to show something.
func changes(command string) bool {
	return !strings.HasPrefix(command, "show ") && !strings.Contains(command, " show ")
}

// settle waits until HAProxy has done, or dropped, what was sent over the connection
// that was given up.
func (s *Session) settle(ctx context.Context) error {
	if s.left == nil {
		return nil
	}
	err := s.cancellable(ctx, s.left, func() error {
		_ = s.left.SetReadDeadline(time.Now().Add(settleTimeout)) // reading fails, too, then
		if err := ctx.Err(); err != nil {
			return err // maybe before the deadline was set
		}
		_, _ = io.Copy(io.Discard, s.left)
		return nil
	})
	if err != nil {
		return err
	}
	_ = s.left.Close()
	s.left = nil
	return nil
}
