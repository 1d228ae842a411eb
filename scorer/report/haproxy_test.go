package report_test

import (
	"encoding/csv"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/haproxy/instance"
)

// skipOrFail ends a test for which there is no HAProxy.
func skipOrFail(t *testing.T, err error) {
	t.Helper()
	if _, missing := instance.Find(); missing != nil && os.Getenv("CI") != "true" {
		t.Skip(missing)
	}
	t.Fatal(err)
}

// proxy is a real HAProxy.
type proxy struct {
	t *testing.T
	*instance.Instance
}

// until waits for a server of backend web to have a status and a weight.
func (p proxy) until(server, status, weight string) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		row := p.row(server)
		if strings.HasPrefix(row["status"], status) && row["uweight"] == weight {
			return
		}
		if time.Since(began) > 10*time.Second {
			p.t.Fatalf("%s is %q with weight %s (agent %s %s), want %q with %s",
				server, row["status"], row["uweight"], row["agent_status"], row["last_agt"], status, weight)
		}
	}
}

// row is what "show stat" has of a server, by column.
func (p proxy) row(server string) map[string]string {
	p.t.Helper()
	conn, err := net.DialTimeout("unix", p.Socket(), 5*time.Second)
	if err != nil {
		p.t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		p.t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "show stat web 4 -1\n"); err != nil {
		p.t.Fatal(err)
	}
	text, err := io.ReadAll(conn)
	if err != nil {
		p.t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(strings.TrimSpace(strings.TrimPrefix(string(text), "# ")))).ReadAll()
	if err != nil || len(rows) == 0 {
		p.t.Fatalf("show stat: %d rows, %v", len(rows), err)
	}
	for _, row := range rows[1:] {
		out := map[string]string{}
		for i, name := range rows[0] {
			out[name] = row[i]
		}
		if out["svname"] == server {
			return out
		}
	}
	p.t.Fatalf("no server %s", server)
	return nil
}
