package daemon

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/haproxy/agentcheck"
)

// agents is a listener for agent-checks that some pools share.
type agents struct {
	*agentcheck.Server
	log    *slog.Logger
	cancel context.CancelFunc
	done   chan struct{}
}

func newAgents(a *config.AgentCheck, log *slog.Logger) (*agents, error) {
	s, err := agentcheck.Listen(context.Background(), agentcheck.Config{
		Listen: a.Listen, Allow: a.AllowPrefixes(), Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("agent_check %s: %w", a.Listen, err)
	}
	return &agents{Server: s, log: log, done: make(chan struct{})}, nil
}

func (a *agents) start() {
	ctx, cancel := context.WithCancel(context.Background())
	a.cancel = cancel
	go func() {
		defer close(a.done)
		if err := a.Run(ctx); err != nil {
			a.log.Error("agent-checks are no longer answered; HAProxy keeps its weights", "error", err)
		}
	}()
}

func (a *agents) stop() {
	if a.cancel == nil {
		_ = a.Close() // never ran
		return
	}
	a.cancel()
	<-a.done
}
