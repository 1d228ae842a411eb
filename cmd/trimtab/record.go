package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/recording"
)

type recordCommand struct {
	Pool string        `arg:"" help:"The pool."`
	For  time.Duration `default:"60s" placeholder:"60s" help:"For how long, at most 1h; ctrl-C ends it earlier."`
	File string        `short:"o" placeholder:"FILE" help:"Where to write it (default: standard output)."`
	server
}

func (c recordCommand) Run(ctx context.Context, s *streams) error {
	path := "/api/v1/pools/" + url.PathEscape(c.Pool) + "/record?" + url.Values{"for": {c.For.String()}}.Encode()
	err := c.client().Read(ctx, path, func(r io.Reader) error {
		recorded, err := recording.NewReader("the recording", r)
		if err != nil {
			return err
		}
		err = c.write(s.out, recorded)
		if errors.Is(err, context.Canceled) {
			err = nil // that is how it is ended early
		}
		fmt.Fprintln(s.err, said(recorded))
		return err
	})
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// write copies the recording. A file is not touched before there is one.
func (c recordCommand) write(out io.Writer, r *recording.Reader) error {
	if c.File == "" {
		return r.CopyTo(out)
	}
	// It holds what operators have ordered and where servers are.
	file, err := os.OpenFile(c.File, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("recording: %w", err)
	}
	return errors.Join(r.CopyTo(file), file.Close())
}

// said is what a recording holds, in words.
func said(r *recording.Reader) string {
	counts, why := r.Counts(), "cut off"
	if end := r.End(); end != nil {
		counts, why = end.Counts, end.Why
	}
	lost := "none lost"
	if counts.Lost > 0 {
		lost = fmt.Sprintf("%d lines LOST", counts.Lost)
	}
	return printable.Line(fmt.Sprintf("recorded pool %s: %d reports, %d plans, %s; ended: %s", r.Header().Pool, counts.Reports, counts.Plans, lost, why))
}
