package stack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Endpoint is what a proxy is told of one backend.
type Endpoint struct {
	// Backend is its name.
	Backend string
	// Weight is what the proxy takes: 0 to 256 in HAProxy, any in Envoy. 0 gets
	// nothing new, a negative one stays as it is, which only HAProxy can.
	Weight int
	// Absent is not in the pool: nothing new, and what is open ends by itself.
	Absent bool
}

// ErrNotSteered is that a proxy takes its endpoints from somewhere else.
var ErrNotSteered = errors.New("the proxy takes its endpoints from elsewhere")

// Steered is whether Steer is heard.
func (s *Stack) Steered() bool {
	e, isEnvoy := s.Proxy.(*envoy)
	return !isEnvoy || e.endpoints != nil
}

// Steer tells the proxy of all backends, or of some of HAProxy's. It is for who
// gives weights without a program of their own.
func (s *Stack) Steer(ctx context.Context, to []Endpoint) error {
	switch p := s.Proxy.(type) {
	case *haproxy:
		return p.steer(ctx, to)
	case *envoy:
		return p.steer(to)
	default:
		return ErrNotSteered
	}
}

// steer tells what has changed, in one line: HAProxy then does it all at once.
func (h *haproxy) steer(ctx context.Context, to []Endpoint) error {
	h.steering.Lock()
	defer h.steering.Unlock()
	var commands []string
	say := func(format string, args ...any) { commands = append(commands, fmt.Sprintf(format, args...)) }
	for _, e := range to {
		before, known := h.told[e.Backend]
		if e.Weight >= 0 && (!known || e.Weight != before.Weight) {
			say("set weight %s/%s %d", Pool, e.Backend, e.Weight)
		}
		if !known || e.Absent != before.Absent {
			state := "ready"
			if e.Absent {
				state = "maint"
			}
			say("set server %s/%s state %s", Pool, e.Backend, state)
		}
	}
	if len(commands) == 0 {
		return nil
	}
	line := strings.Join(commands, ";")
	err := ask(ctx, h.Socket(), line, func(c io.Reader) error {
		said, err := io.ReadAll(c)
		if said = bytes.TrimSpace(said); err == nil && len(said) > 0 {
			err = fmt.Errorf("it says %q", said)
		}
		return err
	})
	if err != nil {
		h.told = nil // what is in force is not known
		return fmt.Errorf("haproxy %s: %s: %w", h.Socket(), line, err)
	}
	if h.told == nil {
		h.told = map[string]Endpoint{}
	}
	for _, e := range to {
		h.told[e.Backend] = e
	}
	return nil
}
