package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/haproxy"
)

// proxyKey is what makes two targets speak to the same proxy over one
// connection.
type proxyKey struct {
	socket, masterSocket, configFile, externalChanges string
	disableAgents                                     bool
	poll                                              time.Duration
}

func keyOf(t *config.HAProxy) proxyKey {
	return proxyKey{t.Socket, t.MasterSocket, t.ConfigFile, t.ExternalChanges, t.DisableAgents, t.Poll}
}

// proxy is a HAProxy process that some pools share.
type proxy struct {
	*haproxy.Proxy
	socket string
	cancel context.CancelFunc
	done   chan struct{}
}

func newProxy(k proxyKey, log *slog.Logger) (*proxy, error) {
	p, err := haproxy.New(haproxy.Config{
		Socket: k.socket, MasterSocket: k.masterSocket, ConfigFile: k.configFile, PollInterval: k.poll,
		ExternalChanges: haproxy.ExternalChanges(k.externalChanges), DisableAgents: k.disableAgents, Logger: log,
	})
	if err != nil {
		return nil, fmt.Errorf("haproxy %s: %w", k.socket, err)
	}
	return &proxy{Proxy: p, socket: k.socket, done: make(chan struct{})}, nil
}

func (p *proxy) start() {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	go func() {
		defer close(p.done)
		p.Run(ctx)
	}()
}

func (p *proxy) stop() {
	p.cancel()
	<-p.done
}
