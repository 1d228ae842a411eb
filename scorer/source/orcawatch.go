package source

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	orcav3 "github.com/cncf/xds/go/xds/data/orca/v3"
	orcaservicev3 "github.com/cncf/xds/go/xds/service/orca/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	firstPause = 250 * time.Millisecond
	maxPause   = 30 * time.Second
	// unknownGap is how long the second report of a stream is waited for: only
	// then is it known how often the backend reports, and 30 s is a floor that
	// many have.
	unknownGap = 45 * time.Second
	// patientGaps is how many usual gaps long a silence may be.
	patientGaps = 4
	// minSilence is the least silence that ends a stream.
	minSilence = 3 * time.Second
)

// errSilent is a stream that is open and brings nothing.
var errSilent = errors.New("no report")

// watch keeps a stream of reports open from one backend.
type watch struct {
	options ORCAOptions
	dial    []grpc.DialOption
	*worker

	// Of the stream that is open.
	seen  seen
	last  time.Time
	usual time.Duration
}

func (w *watch) run(ctx context.Context) {
	// Spread, so that a thousand backends are not connected to at once.
	pause := rand.N(w.options.Period)
	for failures := 0; sleep(ctx, pause); {
		before := w.state.Reports
		w.state.Polls++
		err := w.stream(ctx)
		if ctx.Err() != nil {
			return
		}
		w.failed(err)
		w.publishStatus()
		if w.state.Reports > before {
			failures = 0
		}
		pause = pauseAfter(failures, err)
		failures++
	}
}

// pauseAfter grows from failure to failure; jittered, so that backends that went
// together are not asked together.
func pauseAfter(failures int, err error) time.Duration {
	pause := min(firstPause<<min(failures, 10), maxPause)
	if status.Code(err) == codes.Unimplemented {
		pause = maxPause // it will not learn it soon
	}
	return pause/2 + rand.N(pause)
}

// sleep waits and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// heard is what a stream brought.
type heard struct {
	report *orcav3.OrcaLoadReport
	err    error
}

// stream asks for reports and takes them until that ends, which is always an
// error. A connection is for one stream: whatever went wrong is over with it.
func (w *watch) stream(ctx context.Context) error {
	address, err := w.options.address(w.key)
	if err != nil {
		return err
	}
	conn, err := grpc.NewClient("passthrough:///"+address, w.dial...)
	if err != nil {
		return fmt.Errorf("orca %s: %w", address, err)
	}
	ctx, cancel := context.WithCancel(ctx)
	words, done := make(chan heard), make(chan struct{})
	go func() {
		defer close(done)
		receive(ctx, conn, w.options.Period, words)
	}()
	defer func() {
		cancel()
		_ = conn.Close() // whatever it says, nothing is lost
		<-done
	}()
	w.seen, w.last, w.usual = seen{}, time.Time{}, 0
	if err := w.listen(ctx, words); err != nil {
		return fmt.Errorf("orca %s: %w", address, err)
	}
	return nil
}

// receive passes on what comes in; it ends with the first error.
func receive(ctx context.Context, conn *grpc.ClientConn, period time.Duration, words chan<- heard) {
	request := &orcaservicev3.OrcaLoadReportRequest{ReportInterval: durationpb.New(period)}
	stream, err := orcaservicev3.NewOpenRcaServiceClient(conn).StreamCoreMetrics(ctx, request)
	for {
		var word heard
		if word.err = err; err == nil {
			word.report, word.err = stream.Recv()
			err = word.err
		}
		select {
		case words <- word:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

// listen takes reports until one fails to come.
func (w *watch) listen(ctx context.Context, words <-chan heard) error {
	limit := w.options.FirstReport
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
			return fmt.Errorf("%w within %s", errSilent, limit)
		case word := <-words:
			switch {
			case status.Code(word.err) == codes.Unimplemented:
				return fmt.Errorf("the server has no OpenRcaService: %w", word.err)
			case word.err != nil:
				return word.err
			}
			now := time.Now()
			w.take(ctx, word.report, now)
			w.publishStatus()
			limit = w.patience(now)
			timer.Reset(limit)
		}
	}
}

// patience is how long the next report may take.
func (w *watch) patience(now time.Time) time.Duration {
	first := w.last.IsZero()
	gap := now.Sub(w.last)
	w.last = now
	if first {
		return max(unknownGap, patientGaps*w.options.Period)
	}
	if w.usual == 0 && gap > 2*w.options.Period+minSilence {
		w.log.Warn("backend reports less often than it is asked to", "period", w.options.Period, "reports every", gap)
	}
	w.state.Every = gap
	w.usual = max(gap, w.usual*3/4, w.options.Period)
	return max(patientGaps*w.usual, minSilence)
}

// take passes on what a report says.
func (w *watch) take(ctx context.Context, m *orcav3.OrcaLoadReport, now time.Time) {
	report := scorer.NewReport(w.key.Name, w.origin, now)
	w.seen.fill(&report, m)
	drops := check(&report)
	w.state.Polled = true
	w.leftOut(drops)
	if empty(report) && len(drops) > 0 {
		w.failed(fmt.Errorf("nothing in the report can be used: %s", describe(drops)))
		return
	}
	w.succeeded()
	if !empty(report) {
		w.send(ctx, report) // one that says nothing is of an idle backend that just began
	}
}
