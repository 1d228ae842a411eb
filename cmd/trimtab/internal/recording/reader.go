package recording

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// MaxLine bounds a line: a plan for a hundred thousand backends.
const MaxLine = 64 << 20

// ErrSyntax is a recording that makes no sense.
var ErrSyntax = errors.New("not a recording that this version of trimtab reads")

// Reader reads a recording. Errors name file and line. It is for one goroutine.
type Reader struct {
	name   string
	lines  *bufio.Scanner
	number int
	header Header
	first  []byte // the header as it was read
	// cut is that the newest line does not end, as when its writer was killed.
	cut    bool
	last   time.Time // that the pool was given
	counts Counts
	end    *End
}

// NewReader reads the header. name stands for the file in errors.
func NewReader(name string, r io.Reader) (*Reader, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, MaxLine)
	out := &Reader{name: name, lines: lines}
	lines.Split(out.split)
	data, err := out.scan()
	switch {
	case err == io.EOF:
		return nil, fmt.Errorf("%s: %w: it is empty", name, ErrSyntax)
	case err != nil:
		return nil, err
	}
	out.first = bytes.Clone(data)
	h := &out.header
	if err := json.Unmarshal(data, h); err != nil {
		return nil, out.wrong(err)
	}
	switch {
	case h.Version == 0:
		return nil, out.wrong(errors.New(`the first line has no "trimtab_recording"`))
	case h.Version != Version:
		return nil, out.wrong(fmt.Errorf("version %d, want %d", h.Version, Version))
	}
	return out, nil
}

// Header is the first line.
func (r *Reader) Header() Header { return r.header }

// Counts are how much was read so far.
func (r *Reader) Counts() Counts { return r.counts }

// End is the last line; nil before it was read, and where it is missing because the
// recording was cut off.
func (r *Reader) End() *End { return r.end }

// next reads a line; [io.EOF] is the end of the file.
func (r *Reader) next() (*line, error) {
	data, err := r.scan()
	if err != nil {
		return nil, err
	}
	if r.end != nil {
		return nil, r.wrong(errors.New("a line after the end"))
	}
	l := &line{}
	switch err := json.Unmarshal(data, l); {
	case err != nil && r.cut:
		return nil, io.EOF
	case err != nil:
		return nil, r.wrong(err)
	}
	if err := r.check(l); err != nil {
		return nil, r.wrong(err)
	}
	r.counts.add(l)
	r.end = l.End
	return l, nil
}

// check refuses what no pool was ever told.
func (r *Reader) check(l *line) error {
	has := 0
	for _, set := range []bool{
		l.Report != nil, l.Backends != nil, l.Applied != nil, l.Probed != nil, l.Closed != nil,
		l.Orders != nil, l.Plan != nil, l.Lost > 0, l.End != nil,
	} {
		if set {
			has++
		}
	}
	switch {
	case l.At.IsZero():
		return errors.New(`"at" is missing`)
	case has != 1:
		return fmt.Errorf("%d of report, backends, applied, probed, closed, orders, plan, lost and end, want one", has)
	case l.Orders != nil:
		return checkOrders(l.Orders)
	case l.Plan != nil && l.At.Before(r.last):
		return fmt.Errorf("time goes back from %s to %s", r.last.Format(time.RFC3339Nano), l.At.Format(time.RFC3339Nano))
	case l.Plan != nil:
		r.last = l.At
	}
	return nil
}

func checkOrders(o *scorer.Orders) error {
	for name, pin := range o.Pins {
		if !(pin.Weight > 0 && pin.Weight <= tuner.MaxPin) {
			return fmt.Errorf("pin of %s to %v", name, pin.Weight)
		}
	}
	return nil
}

// split is [bufio.ScanLines], and notes whether a line ends.
func (r *Reader) split(data []byte, atEOF bool) (int, []byte, error) {
	advance, token, err := bufio.ScanLines(data, atEOF)
	r.cut = advance > 0 && data[advance-1] != '\n'
	return advance, token, err
}

// scan returns the next line that is not empty.
func (r *Reader) scan() ([]byte, error) {
	for r.lines.Scan() {
		r.number++
		if data := bytes.TrimSpace(r.lines.Bytes()); len(data) > 0 {
			return data, nil
		}
	}
	if err := r.lines.Err(); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", r.name, r.number+1, err)
	}
	return nil, io.EOF
}

func (r *Reader) wrong(err error) error {
	return fmt.Errorf("%s:%d: %w: %w", r.name, r.number, ErrSyntax, err)
}
