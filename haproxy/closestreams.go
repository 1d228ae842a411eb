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
	// outcomeUnknown: there was an error first, or the answer was so long under way
	// that it could be of a later stream. The next list tells.
	outcomeUnknown outcome = iota
	// outcomeDoubtful: it is not certain to be the same, whenever that was answered.
	outcomeDoubtful
	// outcomeTold: HAProxy was told to end it, and the connection failed before it
	// answered. The next list tells.
	outcomeTold
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
	listed, sent := l.began.Add(l.took), time.Now()
	_, err := session.Exchange(ctx, commands, func(i int, text []byte) error {
		same, there, o := judge(text, targets[i].stream, at, sent.Sub(listed), time.Since(listed))
		switch {
		case same:
			left = append(left, i)
		case there:
			out[i] = o
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
	if _, refused := errors.AsType[*CommandError](err); err != nil && !refused {
		for _, i := range left {
			if out[i] == outcomeUnknown {
				out[i] = outcomeTold
			}
		}
	}
	return out, c.closeError(session, err)
}

// judge says whether an answer is certainly of the stream that was listed, at least so
// long before it was asked for, and at most so long before it was read; and if it is
// not, what is open. An answer that was long under way may be of a later stream, which
// is no doubt about this one: it is asked for again, however often that is so.
func judge(text []byte, listed stream, at place, asked, read time.Duration) (same, there bool, open outcome) {
	same, there = checkStream(text, listed, at.backend, at.server, read)
	if same || !there {
		return same, there, outcomeUnknown
	}
	if inTime, _ := checkStream(text, listed, at.backend, at.server, asked); inTime {
		return false, true, outcomeUnknown
	}
	return false, true, outcomeDoubtful
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
