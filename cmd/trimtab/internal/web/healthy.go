package web

import (
	"errors"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/tuner"
)

// Healthy is what /healthz says, for those in the same process: the error names
// the pools whose owners have stopped stepping.
func Healthy(snaps []*tuner.Snapshot, now time.Time, tick time.Duration) error {
	if reasons := stuck(snaps, now, tick); len(reasons) > 0 {
		return errors.New(strings.Join(reasons, "; "))
	}
	return nil
}
