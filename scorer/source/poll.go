package source

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// maxBody is far above any load report; a metrics page of a big service fits.
const maxBody = 1 << 20

// poll asks one backend again and again.
type poll struct {
	*poller
	*worker
	decoder decoder
}

func (p *poll) run(ctx context.Context) {
	period := p.options.Period
	// Spread, so that a thousand backends are not asked in the same
	// millisecond; and jittered, so that they do not fall into step.
	timer := time.NewTimer(rand.N(period))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		begun := time.Now()
		p.once(ctx, begun)
		p.publishStatus()
		next := period + rand.N(period/5+1) - period/10
		timer.Reset(max(next-time.Since(begun), 0))
	}
}

// once polls, and sends the report when there is one.
func (p *poll) once(ctx context.Context, begun time.Time) {
	wait, cancel := context.WithDeadline(ctx, begun.Add(p.options.Period))
	leave, err := p.lanes.enter(wait, p.state.Failing)
	cancel()
	if ctx.Err() != nil {
		return
	}
	p.state.Polls++
	p.state.Polled = true
	if err != nil {
		p.state.Late++
		return
	}
	// The backend's time begins when it is asked, not when it queued here.
	deadline := time.Now().Add(p.options.Timeout)
	attempt, cancel := context.WithDeadline(ctx, deadline)
	report, drops, err := p.fetch(attempt)
	cancel()
	leave()
	switch {
	case ctx.Err() != nil:
	case heldUp(err, time.Since(deadline), p.options.Timeout):
		p.state.Late++
	case err != nil:
		p.failed(err)
	case empty(report) && len(drops) > 0:
		p.leftOut(drops)
		p.failed(fmt.Errorf("nothing in the report can be used: %s", describe(drops)))
	default:
		p.leftOut(drops)
		p.succeeded()
		if empty(report) {
			return // the first look at counters: there is no rate yet
		}
		p.send(ctx, report)
	}
}

// heldUp tells our own slowness from the backend's: a timeout that was noticed
// well after it was due means that this process did not run, so that the answer
// may have been waiting all along.
func heldUp(err error, past, timeout time.Duration) bool {
	return errors.Is(err, context.DeadlineExceeded) && past > max(timeout/4, 50*time.Millisecond)
}

// fetch makes one request and reads the answer. Its errors do not name the
// backend, as the logger and the status do.
func (p *poll) fetch(ctx context.Context) (scorer.Report, []drop, error) {
	target, err := expand(p.options.URL, p.key)
	if err != nil {
		return scorer.Report{}, nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return scorer.Report{}, nil, fmt.Errorf("get %s: %w", redact(target), err)
	}
	request.Header.Set("Accept", p.accept)
	request.Header.Set("User-Agent", "trimtab")
	report, drops, err := p.exchange(request)
	if err != nil && ctx.Err() == context.DeadlineExceeded {
		// The client has several words for it; one is enough.
		err = fmt.Errorf("no complete answer within %s: %w", p.options.Timeout, context.DeadlineExceeded)
	}
	if err != nil {
		return scorer.Report{}, nil, fmt.Errorf("get %s: %w", redact(target), err)
	}
	return report, drops, nil
}

func (p *poll) exchange(request *http.Request) (scorer.Report, []drop, error) {
	response, err := p.client.Do(request)
	if err != nil {
		// url.Error says the method and the URL, password included.
		if inner := errors.Unwrap(err); inner != nil {
			err = inner
		}
		return scorer.Report{}, nil, err
	}
	defer response.Body.Close()
	// Read to the end, or the connection cannot be used again.
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	at := time.Now()
	switch {
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return scorer.Report{}, nil, fmt.Errorf("status %d: redirects are not followed, set the URL to where it leads", response.StatusCode)
	case response.StatusCode != http.StatusOK:
		return scorer.Report{}, nil, fmt.Errorf("status %d %s", response.StatusCode, http.StatusText(response.StatusCode))
	case err != nil:
		return scorer.Report{}, nil, fmt.Errorf("read the answer: %w", err)
	case len(body) > maxBody:
		return scorer.Report{}, nil, fmt.Errorf("the answer is larger than %d KiB", maxBody>>10)
	}
	report := scorer.NewReport(p.key.Name, p.origin, at)
	drops, err := p.decoder.decode(&report, response.Header, body, at)
	if err != nil {
		return scorer.Report{}, nil, err
	}
	return report, append(drops, check(&report)...), nil
}
