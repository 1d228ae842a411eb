package recording

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Writer writes a recording. It is for one goroutine.
type Writer struct {
	out    *bufio.Writer
	lines  *json.Encoder
	began  time.Time
	counts Counts
}

// NewWriter writes the header. began is [tuner.Beginning.At].
func NewWriter(w io.Writer, h Header, began time.Time) (*Writer, error) {
	out := bufio.NewWriterSize(w, 64<<10)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	if err := lines.Encode(h); err != nil {
		return nil, fmt.Errorf("recording of pool %s: header: %w", h.Pool, err)
	}
	return &Writer{out: out, lines: lines, began: began}, nil
}

// Write writes an entry, and lets it wait for Flush.
func (w *Writer) Write(e tuner.Entry) error {
	l := line{At: rebase(w.began, e.At), Orders: e.Orders, Lost: e.Lost}
	switch {
	case e.Report != nil:
		l.Report = newReport(e.Report, w.began)
	case e.Backends != nil:
		l.Backends = newBackends(e.Backends)
	case e.Applied != nil:
		l.Applied = newApplied(e.Applied)
	case e.Probed != nil:
		l.Probed = &probed{e.Probed.Backend, e.Probed.OK}
	case e.Closed != nil:
		l.Closed = &closed{e.Closed.Backend, e.Closed.Behind, rebase(w.began, e.Closed.At), e.Closed.Count}
	case e.Plan != nil:
		l.Plan = newPlan(e.Plan)
	}
	return w.write(&l)
}

// End writes the last line, and lets it wait for Flush. lost is what is missing since
// the last entry.
func (w *Writer) End(at time.Time, why string, lost uint64) error {
	w.counts.Lost += lost
	return w.write(&line{At: rebase(w.began, at), End: &End{why, w.counts}})
}

func (w *Writer) write(l *line) error {
	w.counts.add(l)
	if err := w.lines.Encode(l); err != nil {
		return fmt.Errorf("recording: write: %w", err)
	}
	return nil
}

// Flush sends what waits.
func (w *Writer) Flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("recording: write: %w", err)
	}
	return nil
}
