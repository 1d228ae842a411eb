package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// prompt ends every reply in HAProxy's interactive mode.
var prompt = []byte("\n> ")

// gather is how long a reply's pieces are collected before they are read.
const gather = 2 * time.Millisecond

// readReply returns the next reply. It is valid until the next call.
func (s *Session) readReply(ctx context.Context) ([]byte, error) {
	searched := s.start
	armed := false
	for {
		if at := bytes.Index(s.buffer[searched:s.filled], prompt); at >= 0 {
			text := s.buffer[s.start : searched+at]
			s.start = searched + at + len(prompt)
			return text, nil
		}
		searched = max(s.filled-len(prompt)+1, s.start)
		if s.filled == len(s.buffer) {
			moved, err := s.makeRoom()
			if err != nil {
				return nil, err
			}
			searched -= moved
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

// makeRoom moves what is not consumed to the front, or else doubles the buffer,
// and returns by how much it was moved.
func (s *Session) makeRoom() (moved int, err error) {
	if s.start > 0 {
		moved = s.start
		s.filled = copy(s.buffer, s.buffer[s.start:s.filled])
		s.start = 0
		return moved, nil
	}
	if len(s.buffer) >= maxReply {
		return 0, fmt.Errorf("reply of more than %d bytes: %w", maxReply, ErrUnexpected)
	}
	s.buffer = append(s.buffer, make([]byte, len(s.buffer))...)
	return 0, nil
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
