package load

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/alarm"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/machine"
)

// Options say where a trace is replayed to.
type Options struct {
	// URL is where requests go, by GET, and Others where those go whose To is 1, 2,
	// and so on.
	URL    string
	Others []string
	// Trace says when, and with which demand in [backend.DemandHeader].
	Trace Trace
	// Backends are the names that answers carry in [backend.NameHeader], for who
	// wants to know how each of them did.
	Backends []string
	// Timeout bounds a request; 0 means 30 s.
	Timeout time.Duration
	// MaxOpen bounds how many requests are open at once, so that a pool that
	// does not keep up costs errors instead of all files; 0 means 2000.
	MaxOpen int
}

const (
	defaultTimeout = 30 * time.Second
	defaultMaxOpen = 2000
	// settlePeriod is how often Window looks whether all answers are there.
	settlePeriod = 20 * time.Millisecond
)

// Replay is one replay of a trace. Its methods may be called concurrently.
type Replay struct {
	opts      Options
	requests  []*http.Request // by To
	transport *http.Transport
	alarm     *alarm.Alarm
	outcomes  *outcomes
	open      chan struct{}
	start     time.Time
	cancel    context.CancelFunc
	ended     chan struct{}
	places    places
}

// Start begins to replay at the instant start, which should lie a little ahead.
// The caller has to call Stop.
func Start(ctx context.Context, opts Options, start time.Time) (*Replay, error) {
	if opts.Timeout == 0 {
		opts.Timeout = defaultTimeout
	}
	if opts.MaxOpen == 0 {
		opts.MaxOpen = defaultMaxOpen
	}
	var requests []*http.Request
	for _, text := range append([]string{opts.URL}, opts.Others...) {
		to, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("load: %w", err)
		}
		if to.Scheme != "http" || to.Host == "" {
			return nil, fmt.Errorf("load: %q is not a URL like http://host:port/", text)
		}
		requests = append(requests, &http.Request{Method: http.MethodGet, URL: to, Host: to.Host})
	}
	for _, a := range opts.Trace.Arrivals {
		if a.To < 0 || a.To >= len(requests) {
			return nil, fmt.Errorf("load: an arrival is to go to address %d of %d", a.To, len(requests))
		}
	}
	if err := machine.NeedFiles(opts.MaxOpen); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	a, err := alarm.New()
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	r := &Replay{
		opts:      opts,
		requests:  requests,
		transport: newTransport(opts.MaxOpen),
		alarm:     a,
		outcomes:  newOutcomes(len(opts.Trace.Arrivals)),
		open:      make(chan struct{}, opts.MaxOpen),
		start:     start,
		cancel:    cancel,
		ended:     make(chan struct{}),
		places:    placesOf(opts.Backends),
	}
	go r.run(ctx)
	return r, nil
}

// newTransport keeps every connection that was ever needed.
func newTransport(connections int) *http.Transport {
	return &http.Transport{
		MaxIdleConns:        connections,
		MaxIdleConnsPerHost: connections,
		DisableCompression:  true,
	}
}

// run is the sender.
func (r *Replay) run(ctx context.Context) {
	defer close(r.ended)
	defer r.transport.CloseIdleConnections()
	defer func() { _ = r.alarm.Close() }()
	var requests sync.WaitGroup
	defer requests.Wait()
	for i, a := range r.opts.Trace.Arrivals {
		if alarm.WaitUntil(ctx, r.alarm, r.start.Add(a.At)) != nil {
			r.giveUp(i)
			return
		}
		select {
		case r.open <- struct{}{}:
		default:
			r.outcomes.record(i, outcome{status: notSent})
			continue
		}
		requests.Go(func() {
			r.outcomes.record(i, r.send(ctx, a))
			<-r.open
		})
	}
}

func (r *Replay) giveUp(from int) {
	for i := from; i < len(r.opts.Trace.Arrivals); i++ {
		r.outcomes.record(i, outcome{status: cancelled})
	}
}

func (r *Replay) send(ctx context.Context, a Arrival) outcome {
	intended := r.start.Add(a.At)
	late := time.Since(intended)
	got := r.exchange(ctx, a)
	got.late, got.latency = late, time.Since(intended)
	if got.status == broken && ctx.Err() != nil {
		got.status = cancelled
	}
	return got
}

// exchange fills in what an answer says.
func (r *Replay) exchange(ctx context.Context, a Arrival) outcome {
	ctx, cancel := context.WithTimeout(ctx, r.opts.Timeout)
	defer cancel()
	req := r.requests[a.To].WithContext(ctx)
	req.Header = http.Header{backend.DemandHeader: {seconds(a.Demand)}}
	if a.Wait > 0 {
		req.Header[backend.WaitHeader] = []string{seconds(a.Wait)}
	}
	resp, err := r.transport.RoundTrip(req)
	if err != nil {
		return outcome{status: broken, backend: nobody}
	}
	defer func() { _ = resp.Body.Close() }()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return outcome{status: broken, backend: nobody}
	}
	served, _ := strconv.ParseFloat(resp.Header.Get(backend.ServedHeader), 64)
	return outcome{
		status: resp.StatusCode, served: time.Duration(served * float64(time.Second)),
		backend: r.places.of(resp.Header),
	}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'g', -1, 64) }

// Elapsed is how far into the trace the replay is.
func (r *Replay) Elapsed() time.Duration { return time.Since(r.start) }

// Live is what has been so far.
func (r *Replay) Live() Live { return r.outcomes.liveNow() }

// Mark begins Live's latencies anew.
func (r *Replay) Mark() { r.outcomes.mark() }

// Window waits until everything that was to be sent in [from, to) of the trace
// has been answered or has failed, and sums it up. It returns an error when the
// replay was stopped within the window.
func (r *Replay) Window(ctx context.Context, from, to time.Duration) (Result, error) {
	first, end := r.opts.Trace.between(from, to)
	tick := time.NewTicker(settlePeriod)
	defer tick.Stop()
	for {
		if all, complete := r.outcomes.copyOf(first, end); complete {
			for _, o := range all {
				if o.status == cancelled {
					return Result{}, fmt.Errorf("load: the replay was stopped between %v and %v: %w", from, to, context.Canceled)
				}
			}
			return resultOf(all, to-from), nil
		}
		select {
		case <-ctx.Done():
			return Result{}, fmt.Errorf("load: wait for answers to what was sent between %v and %v: %w", from, to, ctx.Err())
		case <-tick.C:
		}
	}
}

// Ended is closed when the trace is over and everything is answered.
func (r *Replay) Ended() <-chan struct{} { return r.ended }

// Stop ends the replay, requests under way included, and waits for it.
func (r *Replay) Stop() {
	r.cancel()
	<-r.ended
}
