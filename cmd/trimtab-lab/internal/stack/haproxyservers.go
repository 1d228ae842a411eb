package stack

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// serversTimeout bounds one look at the stats socket.
const serversTimeout = 2 * time.Second

// haproxy is a HAProxy as a stack's proxy.
type haproxy struct {
	*instance.Instance

	steering sync.Mutex
	told     map[string]Endpoint
}

// Servers implements Proxy. It has a connection of its own, to see what is in
// force whoever has set it.
func (h *haproxy) Servers(ctx context.Context) ([]Server, error) {
	servers, err := askServers(ctx, h.Socket())
	if err != nil {
		return nil, fmt.Errorf("haproxy %s: show stat: %w", h.Socket(), err)
	}
	return servers, nil
}

func askServers(ctx context.Context, socket string) ([]Server, error) {
	var servers []Server
	err := ask(ctx, socket, "show stat "+Pool+" 4 -1", func(c io.Reader) (err error) {
		servers, err = parseServers(c)
		return err
	})
	return servers, err
}

// ask sends a line to the stats socket and has the answer read.
func ask(ctx context.Context, socket, line string, read func(io.Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, serversTimeout)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", socket)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	if _, err := io.WriteString(c, line+"\n"); err != nil {
		return err
	}
	return read(c)
}

// parseServers reads HAProxy's statistics by the names in their first line.
func parseServers(in io.Reader) ([]Server, error) {
	rows := csv.NewReader(in)
	rows.FieldsPerRecord = -1
	head, err := rows.Read()
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, name := range head {
		column[strings.TrimPrefix(name, "# ")] = i
	}
	for _, name := range []string{"svname", "status", "uweight", "scur", "stot"} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("no column %s in %q", name, strings.Join(head, ","))
		}
	}
	var servers []Server
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return servers, nil
		}
		if err != nil {
			return nil, err
		}
		server, err := parseServer(row, column)
		if err != nil {
			return nil, err
		}
		servers = append(servers, server)
	}
}

func parseServer(row []string, column map[string]int) (Server, error) {
	text := func(name string) string {
		if i := column[name]; i < len(row) {
			return row[i]
		}
		return ""
	}
	s := Server{Name: text("svname"), Status: text("status")}
	for name, to := range map[string]*int{"uweight": &s.Weight, "scur": &s.Current, "stot": &s.Total} {
		n, err := strconv.Atoi(text(name))
		if err != nil {
			return Server{}, fmt.Errorf("server %s: column %s: %w", s.Name, name, err)
		}
		*to = n
	}
	return s, nil
}
