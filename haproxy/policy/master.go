package policy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy"
)

// master is the command line of a HAProxy master (haproxy -S). It is another
// one than that of a stats socket: HAProxy 2.6 knows few commands there, and is
// away for some milliseconds while it reloads.
type master struct{ socket string }

// ask sends one command over a connection of its own. ctx must have a deadline.
func (m master) ask(ctx context.Context, command string) (string, error) {
	reply, err := m.exchange(ctx, command)
	if err != nil {
		return "", fmt.Errorf("haproxy master %s: %s: %w", m.socket, command, err)
	}
	return reply, nil
}

func (m master) exchange(ctx context.Context, command string) (string, error) {
	network, address, err := haproxy.ParseSocket(m.socket)
	if err != nil {
		return "", err
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	deadline, ok := ctx.Deadline()
	if !ok {
		return "", errors.New("no deadline")
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return "", err
	}
	if _, err := io.WriteString(conn, command+";quit\n"); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(io.LimitReader(conn, maxReply))
	return strings.TrimSpace(string(reply)), err
}

// maxReply is far more than the log of a reload.
const maxReply = 1 << 20

// processes is what "show proc" says.
type processes struct {
	// failed is how many reloads have failed since one succeeded.
	failed int
	// all and current are the pids of all workers and of those that are not old.
	all, current map[int]bool
}

func (m master) processes(ctx context.Context) (processes, error) {
	text, err := m.ask(ctx, "show proc")
	if err != nil {
		return processes{}, err
	}
	p, err := parseProcesses(text)
	if err != nil {
		return p, fmt.Errorf("haproxy master %s: show proc: %w", m.socket, err)
	}
	return p, nil
}

func parseProcesses(text string) (processes, error) {
	p := processes{all: map[int]bool{}, current: map[int]bool{}}
	seen, part := false, ""
	for line := range strings.Lines(text) {
		if title, ok := strings.CutPrefix(line, "# "); ok {
			part = strings.TrimSpace(title)
			continue
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		pid, err := strconv.Atoi(fields[0])
		switch {
		case err != nil:
		case fields[1] == "master":
			seen = true
			if _, count, ok := strings.Cut(line, "[failed: "); ok {
				number, _, _ := strings.Cut(count, "]")
				p.failed, _ = strconv.Atoi(number)
			}
		case fields[1] == "worker":
			p.all[pid] = true
			if part == "workers" {
				p.current[pid] = true
			}
		}
	}
	if !seen {
		return p, fmt.Errorf("no master in %q: is this the master's socket (haproxy -S)?", text[:min(len(text), 200)])
	}
	return p, nil
}

// pollPeriod is how often a reload is looked at.
const pollPeriod = 20 * time.Millisecond

// reload returns when a new worker runs. It fails when the master says so
// (HAProxy 2.7 and newer), when it counts a failure, or when no worker comes
// before ctx ends.
func (m master) reload(ctx context.Context) error {
	before, err := m.processes(ctx)
	if err != nil {
		return err
	}
	said, err := m.ask(ctx, "reload")
	if err != nil {
		return err
	}
	if said != "" && !strings.HasPrefix(said, "Success=1") { // 2.6 says nothing
		return fmt.Errorf("haproxy master %s: reload: HAProxy says:\n%s", m.socket, said)
	}
	return poll(ctx, fmt.Sprintf("haproxy master %s: reload: no new worker came", m.socket), func() (bool, error) {
		now, err := m.processes(ctx)
		switch {
		case err != nil:
			return false, err
		case now.failed > before.failed:
			return true, fmt.Errorf("haproxy master %s: reload: HAProxy counts a failed reload; its log says why", m.socket)
		}
		return slices.ContainsFunc(slices.Collect(maps.Keys(now.current)), func(pid int) bool { return !before.all[pid] }), nil
	})
}

// poll calls check until it is done or ctx ends; then it fails with what it
// waited for and the last error.
func poll(ctx context.Context, failure string, check func() (done bool, err error)) error {
	tick := time.NewTicker(pollPeriod)
	defer tick.Stop()
	for {
		done, err := check()
		if done {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", failure, errors.Join(ctx.Err(), err))
		case <-tick.C:
		}
	}
}
