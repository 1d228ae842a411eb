package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

type serveCommand struct {
	Backend    []strength      `required:"" help:"A backend by its strength, CORES or CORES@SPEED; once for each." placeholder:"CORES[@SPEED]"`
	Listen     string          `default:"127.0.0.1:0" help:"Where the first one listens; the others follow on the ports after it. Port 0: any free ports."`
	SocketLife []time.Duration `help:"Mean life after which a backend closes a WebSocket: one for all, or one for each. 0 leaves closing to the client." placeholder:"DURATION,..."`
	Seed       uint64          `default:"1" help:"Seed of the lives of WebSockets."`
	Realtime   bool            `negatable:"" default:"true" help:"Ask for real-time priority."`
}

// strength is a backend as it is written on the command line.
type strength struct{ cores, speed float64 }

// UnmarshalText reads CORES or CORES@SPEED.
func (s *strength) UnmarshalText(text []byte) error {
	cores, speed, both := strings.Cut(string(text), "@")
	s.speed = 1
	var err error
	if s.cores, err = strconv.ParseFloat(cores, 64); err == nil && both {
		s.speed, err = strconv.ParseFloat(speed, 64)
	}
	if err != nil || !(s.cores > 0) || !(s.speed > 0) {
		return fmt.Errorf("%q is not a strength such as 8 or 4@0.5", text)
	}
	return nil
}

// Validate is called by kong.
func (c serveCommand) Validate() error {
	if n := len(c.SocketLife); n > 1 && n != len(c.Backend) {
		return fmt.Errorf("%d values of --socket-life for %d backends", n, len(c.Backend))
	}
	return nil
}

// Run is called by kong.
func (c serveCommand) Run(ctx context.Context, e env) (err error) {
	class := beOnTime(c.Realtime, fewThreads())
	var backends []*backend.Backend
	defer func() { err = errors.Join(err, closeAll(backends)) }()
	for i, s := range c.Backend {
		listen, err := addressAfter(c.Listen, i)
		if err != nil {
			return err
		}
		b, err := backend.Start(ctx, backend.Config{
			Name: fmt.Sprintf("s%d", i+1), Cores: s.cores, Speed: s.speed,
			Listen: listen, SocketLife: c.socketLife(i), Seed: c.Seed + uint64(i),
		})
		if err != nil {
			return err
		}
		backends = append(backends, b)
		_, _ = fmt.Fprintf(e.out, "s%d %s cores %g speed %g\n", i+1, b.Addr(), s.cores, s.speed)
	}
	_, _ = fmt.Fprintf(e.err, "%s; work: GET / with %s: SECONDS; sockets: /ws; load: /load, /metrics; faults: GET and PUT /faults\n",
		class, backend.DemandHeader)
	<-ctx.Done()
	return nil
}

func (c serveCommand) socketLife(i int) time.Duration {
	switch len(c.SocketLife) {
	case 0:
		return 0
	case 1:
		return c.SocketLife[0]
	default:
		return c.SocketLife[i]
	}
}

// addressAfter is the address n ports after the first.
func addressAfter(first string, n int) (string, error) {
	host, text, err := net.SplitHostPort(first)
	if err != nil {
		return "", fmt.Errorf("--listen: %w", err)
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return "", fmt.Errorf("--listen %s: %w", first, err)
	}
	if port == 0 {
		return first, nil
	}
	return net.JoinHostPort(host, strconv.FormatUint(port+uint64(n), 10)), nil
}

func closeAll(backends []*backend.Backend) error {
	errs := make([]error, len(backends))
	var closing sync.WaitGroup
	for i, b := range backends {
		closing.Go(func() { errs[i] = b.Close() })
	}
	closing.Wait()
	return errors.Join(errs...)
}
