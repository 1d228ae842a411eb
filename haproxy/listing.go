package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// streamsTimeout is how long exchanges about streams may take, those that belong
// together as a whole.
const streamsTimeout = 4 * time.Second

// target is a stream in one of the processes.
type target struct {
	stream
	pid int64
}

// listing is what the processes have of one server at one time.
type listing struct {
	// All ages are of some time between began and took later.
	began time.Time
	took  time.Duration
	// present is the process behind the stats socket, reached by the
	// connection-th connection.
	present    int64
	connection uint64
	version    string
	targets    []target
	// listed is how many streams HAProxy printed for it.
	listed int
	// absent is that the present worker has no such server, as far as it says.
	absent error
}

// list asks the present worker, and the old ones behind the master, for what
// they have of a server; or takes the list that somebody else has asked for since it
// was called.
func (c *closers) list(ctx context.Context, at place) (listing, error) {
	called := time.Now()
	if err := c.take(ctx); err != nil {
		return listing{}, err
	}
	defer c.give()
	if l, ok := c.shared[at]; ok && l.began.After(called) && l.connection == c.worker.connects.Load() {
		return l, nil
	}
	ctx, cancel := context.WithTimeout(ctx, streamsTimeout)
	defer cancel()
	l, found := listing{began: time.Now()}, finding{wanted: c.wanted, targets: map[place][]target{}}
	// Versions before 3.2 do not know the filter and list everything.
	show := "show sess server " + at.backend + "/" + at.server
	var info process
	_, err := c.worker.Exchange(ctx, []string{"show info", show}, func(i int, text []byte) (err error) {
		if i == 0 {
			info, err = parseInfo(text)
			return err
		}
		if l.absent = found.take(text, show, info.pid); absentServer(l.absent) {
			return nil
		}
		return l.absent
	})
	if err != nil {
		return listing{}, err
	}
	if info.stopping {
		return listing{}, c.replaced(info.pid, len(found.targets[at]))
	}
	sharing := !listsOne(info.version)
	l.present, l.version, l.connection = info.pid, info.version, c.worker.connects.Load()
	if c.master != nil {
		if sharing {
			show = "show sess" // an old worker may be of a version that filters
		}
		if err := c.listOld(ctx, &found, show, info.pid); err != nil {
			return listing{}, &masterError{err}
		}
	}
	l.took, l.listed = time.Since(l.began), found.listed
	clear(c.shared)
	if sharing {
		c.share(l, &found)
	}
	l.targets = found.targets[at]
	return l, nil
}

// share keeps a list of all servers for those who wait for their turn: with a hundred
// servers to close at, lists of their own would keep HAProxy busy all the time.
func (c *closers) share(l listing, found *finding) {
	if c.shared == nil {
		c.shared = make(map[place]listing, len(c.wanted))
	}
	for at := range c.wanted {
		l.targets = found.targets[at]
		c.shared[at] = l
	}
}

// finding is what the processes have of all places that somebody closes at.
type finding struct {
	wanted  map[place]int
	targets map[place][]target
	// listed is how many streams HAProxy printed for it.
	listed int
}

// absentServer says whether an error is that a process has no such server, which
// another one may have all the same. Before 3.2, HAProxy does not say.
func absentServer(err error) bool {
	return errors.Is(err, ErrNoSuchServer) || errors.Is(err, ErrNoSuchBackend)
}

// replaced ends the connection to a worker that a reload has replaced. Only the
// master leads to that one again.
func (c *closers) replaced(pid int64, targets int) error {
	c.worker.Close()
	if c.master == nil && targets > 0 {
		return fmt.Errorf("%s: pid %d has %d: %w", c.name, pid, targets, ErrNoMaster)
	}
	return fmt.Errorf("%s: pid %d: %w", c.name, pid, errReplaced)
}

// masterError is trouble with the master, which cannot answer while it reloads.
type masterError struct{ error }

func (e *masterError) Unwrap() error { return e.error }

// listOld adds what old workers have.
func (c *closers) listOld(ctx context.Context, found *finding, show string, present int64) error {
	defer c.master.Close()
	pids, err := askOldWorkers(ctx, c.master)
	if err != nil {
		return err
	}
	pids = slices.DeleteFunc(pids, func(pid int64) bool { return pid == present })
	if len(pids) == 0 {
		return nil
	}
	commands := make([]string, len(pids))
	for i, pid := range pids {
		commands[i] = toOld(pid) + show
	}
	_, err = c.master.Exchange(ctx, commands, func(i int, text []byte) error {
		if endedWorker(text) {
			return nil
		}
		if err := found.take(text, commands[i], pids[i]); !absentServer(err) {
			return err
		}
		return nil
	})
	return err
}

// take adds what one process has.
func (f *finding) take(text []byte, command string, pid int64) error {
	// A reply of streams begins with a pointer, one of none is empty.
	if len(text) > 0 && text[0] != '0' {
		return refused(command, text)
	}
	n, err := parseStreams(text, f.wanted, func(at place, s stream) {
		f.targets[at] = append(f.targets[at], target{s, pid})
	})
	f.listed += n
	return err
}

// listsOne says whether a version lists the sessions of one server when it is asked
// for these; those before 3.2 list them all.
func listsOne(version string) bool {
	older, _ := olderThan(version, 3, 2)
	return !older // what may be a part is not shared
}

// endedWorker says whether it is the master's answer for a process that is gone.
func endedWorker(text []byte) bool {
	return bytes.HasPrefix(text, []byte("Can't find the target"))
}
