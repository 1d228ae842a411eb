package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"time"
)

const (
	// exchangeTimeout is how long HAProxy may take for the next reply. Together
	// with a poll's interval it keeps a hung HAProxy an error within 2 s.
	exchangeTimeout = 1200 * time.Millisecond
	// ahead bounds what is sent and not yet answered: HAProxy reads at most
	// 16 KiB (tune.bufsize) at a time, and from 3.2 on drops more than that.
	ahead = 15 << 10
	// maxReply is room for the statistics of some hundred thousand servers.
	maxReply    = 256 << 20
	firstBuffer = 16 << 10
	maxBackoff  = time.Second
)

// prompt ends every reply in HAProxy's interactive mode.
var prompt = []byte("\n> ")

// Session is a conversation with one HAProxy over its stats socket: one
// connection that is kept, in interactive mode, one command a line (which all
// versions from 2.6 to 3.4 frame alike), pipelined. It is safe for concurrent
// use; exchanges take turns.
type Session struct {
	name, network, address string

	// turn holds one token; whoever has it owns the fields below.
	turn chan struct{}
	conn net.Conn
	// buffer[start:filled] is what was read and not yet consumed.
	buffer        []byte
	start, filled int
	backoff       time.Duration
	notYet        time.Time

	connects, commands, failures atomic.Uint64
}

// NewSession returns a session that connects when it is first used. socket is a
// path, unix@path, host:port or ipv4@host:port.
func NewSession(socket string) (*Session, error) {
	network, address, err := parseAddress(socket)
	if err != nil {
		return nil, err
	}
	s := &Session{
		name: "haproxy " + socket, network: network, address: address,
		turn: make(chan struct{}, 1), buffer: make([]byte, firstBuffer),
	}
	s.turn <- struct{}{}
	return s, nil
}

// Exchange sends the commands and calls reply with each answer in order, the
// prompt and blank lines around it taken off. The bytes are valid during the
// call only. An error from reply ends the exchange. Errors name the socket, and
// after one the connection is closed: what was sent may or may not have been
// done.
//
// at is when the last reply had arrived; exchanges do not overlap.
func (s *Session) Exchange(ctx context.Context, commands []string, reply func(i int, text []byte) error) (at time.Time, err error) {
	select {
	case <-ctx.Done():
		return time.Time{}, fmt.Errorf("%s: waiting for its turn: %w", s.name, ctx.Err())
	case <-s.turn:
	}
	defer func() { s.turn <- struct{}{} }()
	if err := s.connect(ctx); err != nil {
		s.failures.Add(1)
		return time.Time{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.conn.SetDeadline(time.Unix(1, 0)) })
	err = s.exchange(ctx, commands, reply)
	if !stop() && err == nil {
		err = ctx.Err() // the deadline in the past stays on the connection
	}
	at = time.Now()
	if err != nil {
		s.failures.Add(1)
		s.close()
		if ctx.Err() != nil {
			return at, fmt.Errorf("%s: %w", s.name, errors.Join(ErrHung, ctx.Err()))
		}
		return at, fmt.Errorf("%s: %w", s.name, err)
	}
	s.commands.Add(uint64(len(commands)))
	return at, nil
}

// Close ends the connection; the session may be used again.
func (s *Session) Close() {
	<-s.turn
	s.close()
	s.turn <- struct{}{}
}

func (s *Session) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	s.start, s.filled = 0, 0
}

func (s *Session) connect(ctx context.Context) error {
	if s.conn != nil {
		return nil
	}
	if wait := time.Until(s.notYet); wait > 0 {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: waiting to connect again: %w", s.name, errors.Join(ErrUnreachable, ctx.Err()))
		case <-timer.C:
		}
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
	return fmt.Errorf("%s: connect: %w", s.name, err)
}

func (s *Session) dial(ctx context.Context) error {
	dialer := net.Dialer{Timeout: exchangeTimeout}
	conn, err := dialer.DialContext(ctx, s.network, s.address)
	if err != nil {
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%w: %w", err, ErrPermission)
		}
		return fmt.Errorf("%w: %w", err, ErrUnreachable)
	}
	s.conn, s.start, s.filled = conn, 0, 0
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	// In interactive mode an idle connection stays for as long as it says.
	return s.exchange(ctx, []string{"prompt", "set severity-output number", "set timeout cli 3600"},
		func(i int, text []byte) error {
			if len(text) > 0 {
				return refused([]string{"prompt", "set severity-output number", "set timeout cli"}[i], text)
			}
			return nil
		})
}

// exchange keeps at most ahead bytes unanswered: that much fits into HAProxy's
// buffers, so that writing never waits for reading.
func (s *Session) exchange(ctx context.Context, commands []string, reply func(int, []byte) error) error {
	sent, answered, unanswered := 0, 0, 0
	var out []byte
	for answered < len(commands) {
		out = out[:0]
		for sent < len(commands) && (unanswered+len(commands[sent])+1 <= ahead || unanswered == 0) {
			if len(commands[sent]) >= ahead {
				return fmt.Errorf("command of %d bytes: longer than the %d that HAProxy takes", len(commands[sent]), ahead)
			}
			unanswered += len(commands[sent]) + 1
			out = append(append(out, commands[sent]...), '\n')
			sent++
		}
		if err := s.conn.SetDeadline(time.Now().Add(exchangeTimeout)); err != nil {
			return err
		}
		// Checked after the deadline is set: a cancellation sets one in the past.
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(out) > 0 {
			if _, err := s.conn.Write(out); err != nil {
				return lost("send", err)
			}
		}
		text, err := s.readReply()
		if err != nil {
			return err
		}
		unanswered -= len(commands[answered]) + 1
		if err := reply(answered, bytes.Trim(text, "\r\n")); err != nil {
			return err
		}
		answered++
	}
	return nil
}

// readReply returns the next reply. It is valid until the next call.
func (s *Session) readReply() ([]byte, error) {
	searched := s.start
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
