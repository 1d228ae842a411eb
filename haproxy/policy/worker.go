package policy

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/trimtab-lb/trimtab/haproxy"
)

// worker is what was read from a HAProxy process over its stats socket.
type worker struct {
	pid     int
	servers map[string]server // by backend/server
	order   []string
}

// server is what a reload may lose of a server.
type server struct {
	// weight is the one in force, initial that of the configuration.
	weight, initial int
	admin           adminState
	address, port   string
	// resolved says that HAProxy finds the address by itself.
	resolved bool
}

// adminState is srv_admin_state of "show servers state".
type adminState int

const (
	forcedMaintenance adminState = 0x01
	forcedDrain       adminState = 0x08
)

// word is what "set server … state" calls it. Other bits come from the
// configuration, from tracking or from DNS, and come again by themselves.
func (a adminState) word() string {
	switch {
	case a&forcedMaintenance != 0:
		return "maint"
	case a&forcedDrain != 0:
		return "drain"
	default:
		return "ready"
	}
}

// look reads the process behind the session.
func look(ctx context.Context, s *haproxy.Session) (worker, bool, error) {
	var w worker
	stopping := false
	_, err := s.Exchange(ctx, []string{"show info", "show servers state"}, func(i int, text []byte) (err error) {
		if i == 0 {
			w.pid, stopping, err = parseInfo(string(text))
		} else {
			w.servers, w.order, err = parseState(string(text))
		}
		return err
	})
	return w, stopping, err
}

func parseInfo(text string) (pid int, stopping bool, err error) {
	for line := range strings.Lines(text) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		switch key {
		case "Pid":
			if pid, err = strconv.Atoi(value); err != nil {
				return 0, false, fmt.Errorf("show info: Pid: %w", err)
			}
		case "Stopping":
			stopping = value != "0"
		}
	}
	if pid == 0 {
		return 0, false, fmt.Errorf("show info: no Pid in %q", text[:min(len(text), 200)])
	}
	return pid, stopping, nil
}

// parseState reads "show servers state": a version, a header with the names of
// the columns, and a line for each server.
func parseState(text string) (map[string]server, []string, error) {
	_, text, _ = strings.Cut(text, "\n")
	header, rows, _ := strings.Cut(text, "\n")
	column := map[string]int{}
	for i, name := range strings.Fields(strings.TrimLeft(header, "# ")) {
		column[name] = i
	}
	last := 0
	for _, name := range []string{"be_name", "srv_name", "srv_addr", "srv_admin_state", "srv_uweight", "srv_iweight", "srv_fqdn", "srv_port"} {
		i, ok := column[name]
		if !ok {
			return nil, nil, fmt.Errorf("show servers state: no column %s in %q", name, header[:min(len(header), 200)])
		}
		last = max(last, i)
	}
	out := map[string]server{}
	var order []string
	for line := range strings.Lines(rows) {
		fields := strings.Fields(line)
		if len(fields) <= last {
			continue
		}
		numbers := [3]int{}
		for i, name := range []string{"srv_admin_state", "srv_uweight", "srv_iweight"} {
			n, err := strconv.Atoi(fields[column[name]])
			if err != nil {
				return nil, nil, fmt.Errorf("show servers state: %s: %w", name, err)
			}
			numbers[i] = n
		}
		name := fields[column["be_name"]] + "/" + fields[column["srv_name"]]
		order = append(order, name)
		out[name] = server{
			admin: adminState(numbers[0]), weight: numbers[1], initial: numbers[2],
			address: fields[column["srv_addr"]], port: fields[column["srv_port"]],
			resolved: fields[column["srv_fqdn"]] != "-",
		}
	}
	return out, order, nil
}
