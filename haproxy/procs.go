package haproxy

import (
	"bytes"
	"fmt"
)

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
