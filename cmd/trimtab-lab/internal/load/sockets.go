package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/alarm"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
)

// SocketOptions describe WebSocket clients.
type SocketOptions struct {
	// URL is where they connect to, ws://host:port/path.
	URL  string
	Seed uint64
	// Rate is how many come per second (Poisson), Count how many at all.
	Rate  float64
	Count int
	// Life is the mean life after which a client leaves, exponential. 0: it
	// stays until the other side closes, or until ctx is done.
	Life time.Duration
	// Every is the pause between an echo and the next message; 0 sends none.
	Every time.Duration
	// Demand is the mean work per message, exponential.
	Demand time.Duration
	// Timeout bounds a handshake and an echo; 0 means 30 s.
	Timeout time.Duration
}

// SocketResult is what the clients met with.
type SocketResult struct {
	// Opened, Failed: handshakes. Peak is the most sockets open at once.
	Opened, Failed, Peak int
	// ClosedByServer and ClosedByClient are orderly ends; Broken is every other
	// one, echoes that did not come included.
	ClosedByServer, ClosedByClient, Broken int
	// Handshakes and Echoes are latencies in microseconds.
	Handshakes, Echoes *hdrhistogram.Histogram
	// SendLate is how late clients connected.
	SendLate Quantiles
}

// RunSockets connects clients at the rate and returns when all have gone. When
// ctx is done, the clients that are there leave, in good order.
func RunSockets(ctx context.Context, opts SocketOptions) (SocketResult, error) {
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.Count < 0 || !(opts.Rate > 0) || opts.Life < 0 || opts.Every < 0 || opts.Demand < 0 {
		return SocketResult{}, errors.New("sockets: need a positive rate, and nothing negative")
	}
	if err := machine.NeedFiles(opts.Count); err != nil {
		return SocketResult{}, fmt.Errorf("sockets: %w", err)
	}
	a, err := alarm.New()
	if err != nil {
		return SocketResult{}, fmt.Errorf("sockets: %w", err)
	}
	defer func() { _ = a.Close() }()
	transport := newTransport(1)
	defer transport.CloseIdleConnections()
	s := &sockets{
		opts: opts, client: &http.Client{Transport: transport},
		result: SocketResult{Handshakes: newHistogram(), Echoes: newHistogram()},
	}
	var clients sync.WaitGroup
	gaps := rand.New(rand.NewPCG(opts.Seed, 3))
	at := time.Now()
	for i := range opts.Count {
		at = at.Add(time.Duration(gaps.ExpFloat64() / opts.Rate * float64(time.Second)))
		if alarm.WaitUntil(ctx, a, at) != nil {
			break
		}
		s.late = append(s.late, time.Since(at))
		clients.Go(func() { s.live(ctx, rand.New(rand.NewPCG(opts.Seed, uint64(4+i)))) })
	}
	clients.Wait()
	s.result.SendLate = quantilesOf(s.late)
	return s.result, nil
}

// sockets is one run of clients.
type sockets struct {
	opts   SocketOptions
	client *http.Client
	late   []time.Duration

	mu     sync.Mutex
	open   int
	result SocketResult
}

func (s *sockets) note(change func(*SocketResult)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.result)
}
