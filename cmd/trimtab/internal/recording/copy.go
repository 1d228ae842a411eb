package recording

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// CopyTo writes the recording as it is, up to the first line that makes no sense or
// cannot be read. One that is cut off, by that or because there is no more, is given an
// end that says so.
func (r *Reader) CopyTo(w io.Writer) error {
	out := bufio.NewWriter(w)
	_, _ = out.Write(append(r.first, '\n')) // errors stay until it is flushed
	at := r.header.At
	for {
		l, err := r.next()
		switch {
		case err == io.EOF && r.end != nil:
			return flushed(out, nil)
		case err == io.EOF:
			return cutOff(out, at, r.counts, fmt.Errorf("%s: it ends without having come to its end", r.name))
		case err != nil:
			return cutOff(out, at, r.counts, err)
		}
		at = l.At
		_, _ = out.Write(r.lines.Bytes())
		_ = out.WriteByte('\n')
		if l.Report == nil { // of the others there are few
			if err := flushed(out, nil); err != nil {
				return err
			}
		}
	}
}

func cutOff(out *bufio.Writer, at time.Time, counts Counts, why error) error {
	err := json.NewEncoder(out).Encode(line{At: at, End: &End{"cut off", counts}})
	return flushed(out, errors.Join(why, err))
}

func flushed(out *bufio.Writer, before error) error {
	if err := out.Flush(); err != nil {
		return errors.Join(before, fmt.Errorf("recording: write: %w", err))
	}
	return before
}
