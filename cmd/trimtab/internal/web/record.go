package web

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/recording"
	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

const (
	defaultRecording = time.Minute
	maxRecording     = time.Hour
	// recordEvery is how often what was recorded is sent.
	recordEvery = time.Second
	poolEnded   = "the pool has ended, as trimtab was stopped or the pool's configuration changed"
)

// record streams what a pool is told and decides, for as long as asked for, a minute
// by default: JSON lines, see package recording.
func (s *server) record(w http.ResponseWriter, r *http.Request) {
	length, err := recordingLength(r)
	if err != nil {
		s.refuseError(w, err)
		return
	}
	config, recorded, err := s.Record(r.Context(), r.PathValue("pool"))
	if err != nil {
		s.refuseError(w, err)
		return
	}
	defer recorded.Close()
	s.Logger.Info("recording", "pool", config.Name, "from", r.RemoteAddr, "for", length)
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // it lasts as long as was asked for
	w.Header().Set("Content-Type", "application/x-ndjson")
	w.Header().Set("Cache-Control", "no-store")
	header := recording.NewHeader(s.Version, config, recorded.Beginning)
	out, err := recording.NewWriter(w, header, recorded.Beginning.At)
	if err == nil {
		err = copyRecording(r, out, recorded, length, func() error {
			// A client that stops reading is let go.
			_ = control.SetWriteDeadline(time.Now().Add(eventTimeout))
			return errors.Join(out.Flush(), control.Flush())
		})
	}
	if err != nil && r.Context().Err() == nil {
		s.Logger.Warn("a recording ended early", "pool", config.Name, "from", r.RemoteAddr, "error", err)
	}
}

// copyRecording writes entries until the time is over, the pool ends or the client
// leaves. send sends what was written.
func copyRecording(r *http.Request, out *recording.Writer, recorded *tuner.Recording, length time.Duration, send func() error) error {
	if err := send(); err != nil {
		return err
	}
	over := time.NewTimer(length)
	defer over.Stop()
	sending := time.NewTicker(recordEvery)
	defer sending.Stop()
	why := poolEnded
	leaving := r.Context().Done()
	for {
		select {
		case <-leaving:
			why, leaving = "trimtab was stopped", nil
			recorded.Close() // what waits is written yet, if the client is still there
		case <-over.C:
			why = fmt.Sprintf("after %s, as was asked for", length)
			recorded.Close()
		case <-sending.C:
			if err := send(); err != nil {
				return err
			}
		case e, ok := <-recorded.Entries:
			if !ok {
				return errors.Join(out.End(time.Now(), why, recorded.Lost()), send())
			}
			if err := out.Write(e); err != nil {
				return err
			}
		}
	}
}

func recordingLength(r *http.Request) (time.Duration, error) {
	text := r.URL.Query().Get("for")
	if text == "" {
		return defaultRecording, nil
	}
	length, err := time.ParseDuration(text)
	if err != nil || length <= 0 || length > maxRecording {
		return 0, fmt.Errorf("%w: for=%s: want a duration such as 60s, at most %s", ErrBadRequest, text, maxRecording)
	}
	return length, nil
}
