package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// gather is how long a reply's pieces are collected before they are read.
const gather = 2 * time.Millisecond

// readReply returns the next reply. It is valid until the next call.
func (s *Session) readReply(ctx context.Context) ([]byte, error) {
	seen := 0
	armed := false
	for {
		unread := s.buffer[s.start:s.filled]
		if end, next := s.dialect.replyEnd(unread, seen); end >= 0 {
			s.start += next
			s.longest = max(s.longest, end)
			return unread[:end], nil
		}
		seen = len(unread)
		if s.filled == len(s.buffer) {
			if err := s.makeRoom(); err != nil {
				return nil, err
			}
		}
		if !armed {
			armed = true
			if err := s.arm(ctx); err != nil {
				return nil, err
			}
		}
		if s.filled-s.start >= firstBuffer {
			// A long reply comes in pieces of 16 KiB. To be woken for each costs
			// both sides more than to wait for some of them.
			pause(ctx, gather)
		}
		n, err := s.conn.Read(s.buffer[s.filled:])
		s.filled += n
		if err != nil && n == 0 {
			return nil, lost("reply", err)
		}
	}
}

// makeRoom moves what is not consumed to the front, or else doubles the buffer.
func (s *Session) makeRoom() error {
	if s.start > 0 {
		s.filled = copy(s.buffer, s.buffer[s.start:s.filled])
		s.start = 0
		return nil
	}
	if len(s.buffer) >= maxReply {
		return fmt.Errorf("reply of more than %d bytes: %w", maxReply, ErrUnexpected)
	}
	s.buffer = append(s.buffer, make([]byte, len(s.buffer))...)
	return nil
}

// shrinkAfter is how many exchanges decide how much room replies need.
const shrinkAfter = 32

// shrink gives back the room of a reply that was longer than those of late: the
// first dump is of everything, later ones are of a backend each.
func (s *Session) shrink() {
	if s.exchanges++; s.exchanges < shrinkAfter {
		return
	}
	enough := 2 * max(s.longest, firstBuffer)
	if len(s.buffer) > 2*enough && s.start == s.filled {
		s.buffer, s.start, s.filled = make([]byte, enough), 0, 0
	}
	s.exchanges, s.longest = 0, 0
}

func lost(what string, err error) error {
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%s: %w", what, ErrHung)
	case errors.Is(err, io.EOF):
		return fmt.Errorf("%s: HAProxy closed the connection: %w", what, ErrUnreachable)
	default:
		return fmt.Errorf("%s: %w: %w", what, err, ErrUnreachable)
	}
}
