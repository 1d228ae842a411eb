package realrun

import (
	"bufio"
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

func TestAgentsAnswerTheIdlePercentage(t *testing.T) {
	busy, silent := newMailbox(time.Second), newMailbox(time.Second)
	busy.put(simulate.Load{Utilization: 0.75})
	a, err := startAgents(t.Context(), []*mailbox{busy, silent})
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"25%\n", "100%\n"} {
		if o := a.options()[i]; !strings.HasPrefix(o, "agent-check agent-addr 127.0.0.1 agent-port ") {
			t.Errorf("options %q", o)
		}
		var d net.Dialer
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		conn, err := d.DialContext(ctx, "tcp", a.listeners[i].Addr().String())
		cancel()
		if err != nil {
			t.Fatal(err)
		}
		got, err := bufio.NewReader(conn).ReadString('\n')
		_ = conn.Close()
		if err != nil || got != want {
			t.Errorf("agent %d says %q, %v, want %q", i, got, err, want)
		}
	}
	if err := a.close(); err != nil {
		t.Error(err)
	}
}
