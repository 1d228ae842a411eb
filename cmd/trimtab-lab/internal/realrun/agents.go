package realrun

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// agentPeriod is how often HAProxy asks by default.
	agentPeriod = 2 * time.Second
	// answerTimeout bounds one answer.
	answerTimeout = time.Second
)

// agents answer HAProxy's agent-checks with the idle percentage, one for each
// backend.
type agents struct {
	listeners []net.Listener
	serving   sync.WaitGroup
}

func startAgents(ctx context.Context, mailboxes []*mailbox) (*agents, error) {
	a := &agents{}
	for _, m := range mailboxes {
		var config net.ListenConfig
		l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, errors.Join(fmt.Errorf("agent: %w", err), a.close())
		}
		a.listeners = append(a.listeners, l)
		a.serving.Go(func() { answer(l, &agent{mailbox: m, law: scorer.NewIdle()}) })
	}
	return a, nil
}

// options are what HAProxy's server lines need to ask them.
func (a *agents) options() []string {
	var out []string
	for _, l := range a.listeners {
		at := l.Addr().(*net.TCPAddr)
		out = append(out, fmt.Sprintf("agent-check agent-addr %s agent-port %d agent-inter %dms", at.IP, at.Port, agentPeriod.Milliseconds()))
	}
	return out
}

func (a *agents) close() error {
	if a == nil {
		return nil
	}
	var errs []error
	for _, l := range a.listeners {
		errs = append(errs, l.Close())
	}
	a.serving.Wait()
	return errors.Join(errs...)
}

// answer serves one question after another until the listener is closed.
func answer(l net.Listener, a *agent) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(answerTimeout))
		_, _ = fmt.Fprintf(conn, "%d%%\n", a.percent())
		_ = conn.Close() // HAProxy takes what was written by then, or asks again
	}
}

// agent is one backend's.
type agent struct {
	mailbox *mailbox
	law     *scorer.Idle
}

func (a *agent) percent() int {
	o := scorer.Observation{Backend: "self", Capacity: 1, InService: true, Utilization: a.mailbox.take().Utilization}
	if !math.IsNaN(o.Utilization) {
		o.Seconds, o.Reported = agentPeriod.Seconds(), true
	}
	return int(a.law.Weights(time.Time{}, []scorer.Observation{o})[0])
}
