package haproxy

import (
	"bytes"
	"fmt"
)

// process is what "show info" says of a HAProxy process.
type process struct {
	pid, uptime int64
	version     string
	// stopping is true for a worker that a reload has replaced.
	stopping bool
}

// sameAs says whether it is a process that was met before and still works.
func (p process) sameAs(before process) bool {
	return p.pid == before.pid && p.uptime >= before.uptime && !p.stopping
}

func parseInfo(text []byte) (process, error) {
	var p process
	for line := range bytes.Lines(text) {
		key, value, ok := bytes.Cut(bytes.TrimSpace(line), []byte(": "))
		if !ok {
			continue
		}
		switch string(key) {
		case "Pid":
			p.pid = parseInt(value)
		case "Uptime_sec":
			p.uptime = parseInt(value)
		case "Version":
			p.version = string(value)
		case "Stopping":
			p.stopping = string(value) != "0"
		}
	}
	if p.pid == 0 {
		return p, fmt.Errorf("show info: no Pid in %q: %w", text[:min(len(text), maxQuoted)], ErrUnexpected)
	}
	return p, nil
}

// parseInitial reads the configured weights from "show servers state", by
// server; its header, in the second line, says which column is which.
func parseInitial(text []byte, each func(backend, server []byte, initial int)) error {
	_, rest, _ := bytes.Cut(text, []byte{'\n'}) // the format's version
	header, rest, _ := bytes.Cut(rest, []byte{'\n'})
	backend, name, initial := -1, -1, -1
	for i, column := range bytes.Fields(bytes.TrimLeft(header, "# ")) {
		switch string(column) {
		case "be_name":
			backend = i
		case "srv_name":
			name = i
		case "srv_iweight":
			initial = i
		}
	}
	if backend < 0 || name < 0 || initial < 0 {
		return fmt.Errorf("show servers state: unknown header %q: %w", header[:min(len(header), maxQuoted)], ErrUnexpected)
	}
	for line := range bytes.Lines(rest) {
		fields := bytes.Fields(line)
		if len(fields) > max(backend, name, initial) {
			each(fields[backend], fields[name], int(parseInt(fields[initial])))
		}
	}
	return nil
}
