package haproxy

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
)

// askOldWorkers asks a master which old workers there are.
func askOldWorkers(ctx context.Context, master *Session) (pids []int64, err error) {
	_, err = master.Exchange(ctx, []string{"show proc"}, func(_ int, text []byte) (err error) {
		pids, err = parseOldWorkers(text)
		return err
	})
	return pids, err
}

// toOld is what goes before a command that the master is to pass on.
func toOld(pid int64) string { return "@!" + strconv.FormatInt(pid, 10) + " " }

// parseOldWorkers reads the processes that a master's "show proc" lists as old
// workers: those that a reload has replaced and that still have connections.
func parseOldWorkers(text []byte) ([]int64, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("#<PID>")) {
		return nil, fmt.Errorf("show proc: %q is no list of processes: %w", text[:min(len(text), maxQuoted)], ErrUnexpected)
	}
	var out []int64
	old := false
	for line := range bytes.Lines(text) {
		if bytes.HasPrefix(line, []byte{'#'}) {
			old = bytes.HasPrefix(line, []byte("# old workers"))
			continue
		}
		fields := bytes.Fields(line)
		if !old || len(fields) < 2 || !bytes.HasPrefix(fields[1], []byte("worker")) {
			continue
		}
		if pid := parseInt(fields[0]); pid > 0 {
			out = append(out, pid)
		}
	}
	return out, nil
}
