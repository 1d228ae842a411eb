package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

const (
	// firstReplyTimeout is how long an exchange may take to its first reply,
	// waiting for its turn and connecting included. It keeps a hung HAProxy an
	// error within 2 s of anything that is asked of it.
	firstReplyTimeout = 1500 * time.Millisecond
	// replyTimeout is how long HAProxy may take for each further reply.
	replyTimeout = 1200 * time.Millisecond
	// ahead bounds what is sent and not yet answered: HAProxy reads at most
	// 16 KiB (tune.bufsize) at a time, and from 3.2 on drops more than that.
	ahead = 15 << 10
	// maxReply is room for the statistics of some hundred thousand servers.
	maxReply    = 256 << 20
	firstBuffer = 16 << 10
	// maxBackoff lets a process that was restarted be met within a second: a
	// connection that nobody takes costs next to nothing.
	maxBackoff = 500 * time.Millisecond
)

// levelAdmin is the level that weights need.
const levelAdmin = "admin"

// Session is a conversation with one HAProxy over one of its sockets: one
// connection that is kept, in interactive mode, one command a line (which all
// versions from 2.6 to 3.4 frame alike), pipelined. It is safe for concurrent
// use; exchanges take turns.
type Session struct {
	name, network, address string
	dialect                dialect

	// turn holds one token; whoever has it owns the fields below.
	turn chan struct{}
	conn net.Conn
	// left is a connection that was given up before HAProxy had answered what was to
	// change something.
	left net.Conn
	// due is when the next reply must have arrived.
	due time.Time
	// out is what is sent next; buffer[start:filled] is what was read and not
	// yet consumed.
	out, buffer   []byte
	start, filled int
	// longest is the longest reply of so many exchanges.
	longest, exchanges int
	backoff            time.Duration
	notYet             time.Time

	connects, commands, failures atomic.Uint64
	// level is what the socket permits.
	level atomic.Pointer[string]
}

// NewSession returns a session with a stats socket that connects when it is
// first used. socket is a path, unix@path, host:port or ipv4@host:port.
func NewSession(socket string) (*Session, error) {
	return newSession("haproxy "+socket, socket, workerDialect())
}

func newSession(name, socket string, d dialect) (*Session, error) {
	network, address, err := ParseSocket(socket)
	if err != nil {
		return nil, err
	}
	s := &Session{
		name: name, network: network, address: address, dialect: d,
		turn: make(chan struct{}, 1), buffer: make([]byte, firstBuffer),
	}
	s.turn <- struct{}{}
	return s, nil
}

// Exchange sends the commands and calls reply with each answer in order, the
// prompt and blank lines around it taken off. The bytes are valid during the
// call only. An error from reply ends the exchange. Errors name the socket, and
// after one the connection is closed: what was sent may or may not have been
// done, but is not done any more when the next exchange begins.
//
// at is when the last reply had arrived; exchanges do not overlap.
func (s *Session) Exchange(ctx context.Context, commands []string, reply func(i int, text []byte) error) (at time.Time, err error) {
	due := time.Now().Add(firstReplyTimeout)
	if err := s.takeTurn(ctx, due); err != nil {
		return time.Time{}, fmt.Errorf("%s: %w", s.name, err)
	}
	defer func() { s.turn <- struct{}{} }()
	s.due = due
	if err := s.connect(ctx); err != nil {
		s.failures.Add(1)
		return time.Time{}, fmt.Errorf("%s: %w", s.name, err)
	}
	if err := s.settle(ctx); err != nil {
		s.failures.Add(1)
		return time.Time{}, fmt.Errorf("%s: %w", s.name, err)
	}
	if err := s.cancellable(ctx, s.conn, func() error { return s.exchange(ctx, commands, reply) }); err != nil {
		s.failures.Add(1)
		s.giveUp(commands)
		return time.Now(), fmt.Errorf("%s: %w", s.name, err)
	}
	s.commands.Add(uint64(len(commands)))
	at = time.Now()
	s.shrink()
	return at, nil
}

// takeTurn waits for the exchanges before this one.
func (s *Session) takeTurn(ctx context.Context, due time.Time) error {
	select {
	case <-s.turn:
		return nil
	default:
	}
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	select {
	case <-s.turn:
		return nil
	case <-timer.C:
		return fmt.Errorf("waiting for its turn: %w", ErrHung)
	case <-ctx.Done():
		return fmt.Errorf("waiting for its turn: %w", ctx.Err())
	}
}

// cancellable runs f on the connection, which ends early when ctx does.
func (s *Session) cancellable(ctx context.Context, conn net.Conn, f func() error) error {
	through := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(through)
		_ = conn.SetDeadline(time.Unix(1, 0))
	})
	err := f()
	if stop() {
		return err
	}
	<-through // it would end whatever is done with the connection next
	switch {
	case err == nil || errors.Is(ctx.Err(), context.Canceled):
		// The deadline in the past stays: the connection takes no more commands.
		return ctx.Err()
	default:
		return fmt.Errorf("%w: %w", err, ctx.Err())
	}
}

// Level is what the socket permits, as HAProxy names it ("user", "operator",
// "admin"); "" before anybody has answered.
func (s *Session) Level() string {
	if level := s.level.Load(); level != nil {
		return *level
	}
	return ""
}

// Close ends the connection; the session may be used again.
func (s *Session) Close() {
	<-s.turn
	s.close()
	_ = s.settle(context.Background()) // a later use is an exchange after those before
	s.turn <- struct{}{}
}

func (s *Session) close() {
	if s.conn != nil {
		_ = s.conn.Close()
		s.conn = nil
	}
	s.start, s.filled = 0, 0
}

// exchange keeps at most ahead bytes unanswered: that much fits into HAProxy's
// buffers, so that writing never waits for reading.
func (s *Session) exchange(ctx context.Context, commands []string, reply func(int, []byte) error) error {
	sent, unanswered := 0, 0
	for answered := range commands {
		// Refilled when half has been answered, not for each reply: one write
		// carries hundreds of commands.
		if unanswered <= ahead/2 {
			more, err := s.send(ctx, commands[sent:], ahead-unanswered)
			if err != nil {
				return err
			}
			for _, c := range commands[sent : sent+more] {
				unanswered += len(c) + 1
			}
			sent += more
		}
		text, err := s.readReply(ctx)
		if err != nil {
			return err
		}
		s.due = time.Time{} // the next reply has its own time
		unanswered -= len(commands[answered]) + 1
		if err := reply(answered, bytes.Trim(text, "\r\n")); err != nil {
			return err
		}
	}
	return nil
}

// send writes as many commands as room holds and returns their number.
func (s *Session) send(ctx context.Context, commands []string, room int) (int, error) {
	s.out = s.out[:0]
	count := 0
	for _, c := range commands {
		if len(c) >= ahead/2 {
			return 0, fmt.Errorf("command of %d bytes: longer than HAProxy takes for sure", len(c))
		}
		if len(s.out)+len(c)+1 > room {
			break
		}
		s.out = append(append(s.out, c...), '\n')
		count++
	}
	if count == 0 {
		return 0, nil
	}
	if err := s.arm(ctx); err != nil {
		return 0, err
	}
	if _, err := s.conn.Write(s.out); err != nil {
		return 0, lost("send", err)
	}
	return count, nil
}

// arm sets the connection's deadline.
func (s *Session) arm(ctx context.Context) error {
	due := s.due
	if due.IsZero() {
		due = time.Now().Add(replyTimeout)
	}
	if err := s.conn.SetDeadline(due); err != nil {
		return lost("deadline", err)
	}
	// Checked after the deadline is set: a cancellation sets one in the past.
	return ctx.Err()
}
