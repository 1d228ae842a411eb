package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"
)

// outcome is what became of a stream that was to be closed.
type outcome uint8

const (
	// outcomeUnknown: there was an error first, or it is not certain to be the
	// same. The next list tells.
	outcomeUnknown outcome = iota
	// outcomeGone: it has ended by itself, and another client may have its place.
	outcomeGone
	// outcomeClosed: HAProxy has been told to end it, and will.
	outcomeClosed
)

// errMoved says that the process that was listed is not the one that answers.
var errMoved = errors.New("another HAProxy process answers since the sessions were listed")

// close checks that targets of one process still are what was listed, and closes
// those that are. Both happen in a row: what is between is a round trip.
func (c *closers) close(ctx context.Context, l *listing, at place, targets []target) ([]outcome, error) {
	if err := c.take(ctx); err != nil {
		return nil, err
	}
	defer c.give()
	ctx, cancel := context.WithTimeout(ctx, streamsTimeout)
	defer cancel()
	session, prefix := c.worker, ""
	if pid := targets[0].pid; pid != l.present {
		session, prefix = c.master, toOld(pid)
		defer c.master.Close()
	}
	out := make([]outcome, len(targets))
	var left []int
	commands := make([]string, len(targets))
	for i := range targets {
		commands[i] = prefix + "show sess " + targets[i].pointer
	}
	_, err := session.Exchange(ctx, commands, func(i int, text []byte) error {
		same, there := checkStream(text, targets[i].stream, at.backend, at.server, time.Since(l.began)-l.took)
		switch {
		case same:
			left = append(left, i)
		case there:
		case bytes.HasPrefix(text, []byte(notFound)), bytes.HasPrefix(text, []byte(targets[i].pointer)), endedWorker(text):
			out[i] = outcomeGone
		default:
			return refused(commands[i], text)
		}
		return nil
	})
	if err != nil {
		return nil, c.closeError(session, err)
	}
	if session == c.worker && c.worker.connects.Load() != l.connection {
		return nil, fmt.Errorf("%s: %w", c.name, errMoved)
	}
	commands = commands[:0]
	for _, i := range left {
		commands = append(commands, prefix+"shutdown session "+targets[i].pointer)
	}
	if len(commands) == 0 {
		return out, nil
	}
	// What was told before an error is told: those outcomes are returned with it.
	_, err = session.Exchange(ctx, commands, func(i int, text []byte) error {
		switch {
		case len(text) == 0:
			out[left[i]] = outcomeClosed
		case bytes.Contains(text, []byte(noSuchSession)), endedWorker(text):
			out[left[i]] = outcomeGone
		default:
			return refused(commands[i], text)
		}
		return nil
	})
	return out, c.closeError(session, err)
}

// What HAProxy answers to "show sess" and "shutdown session" of a pointer that is
// not in use.
const (
	notFound      = "Session not found"
	noSuchSession = "No such session"
)

func (c *closers) closeError(session *Session, err error) error {
	if err != nil && session == c.master {
		return &masterError{err}
	}
	return err
}
