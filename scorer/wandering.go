package scorer

import (
	"fmt"
	"time"
)

// wandering finds out whether a dear connection was itself among those that were
// closed: it then makes another backend the one that has too much, which would be
// shed from next, and so on: 10 times what is needed, and growing. Once is nothing to
// mind, as it is the youngest where it is now and the oldest are closed first. When it
// happens again nobody is closed for some minutes.
type wandering struct {
	// on is the backend with the dearest connections.
	on string
	// last is when they were last closed along.
	last, until time.Time
}

const (
	// dearFrom is the part of a fair load from which on connections count as dear.
	dearFrom = 0.1
	// wanderedFor is how long nobody is closed after one of them has moved again,
	// and within which that counts as again.
	wanderedFor = 5 * time.Minute
)

// look takes the newest view. closed says whether some were closed on a backend lately,
// but for a drain, which moves them all.
func (w *wandering) look(now time.Time, in []holding, closed func(name string) bool) {
	dearest, before := -1, 0.0
	for i := range in {
		h := &in[i]
		if h.name == w.on {
			before = h.dear
		}
		if h.dear > dearFrom*h.fair && (dearest < 0 || h.dear > in[dearest].dear) {
			dearest = i
		}
	}
	if dearest < 0 || in[dearest].name == w.on {
		return
	}
	// Two that are alike change places all the time.
	if w.on != "" && before > in[dearest].dear/2 {
		return
	}
	if w.on != "" && closed(w.on) {
		if !w.last.IsZero() && now.Sub(w.last) < wanderedFor {
			w.until = now.Add(wanderedFor)
		}
		w.last = now
	}
	w.on = in[dearest].name
}

func (w *wandering) hold(now time.Time) string {
	if !now.Before(w.until) {
		return ""
	}
	return fmt.Sprintf("a dear connection was among those that were closed, twice, and is on %s now: nobody else is closed for %v", w.on, w.until.Sub(now).Round(time.Second))
}
