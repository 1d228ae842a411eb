package loadstats

import (
	"sync/atomic"
	"time"
)

// interval is the time from one report to the next, which may change.
type interval struct{ nanoseconds atomic.Int64 }

func (i *interval) set(d time.Duration) { i.nanoseconds.Store(int64(max(d, MinInterval))) }

func (i *interval) get() time.Duration { return time.Duration(i.nanoseconds.Load()) }

// SetInterval has data planes report at another interval; less than 20 ms is taken
// for 20 ms. Each is told when its next report comes.
func (s *Server) SetInterval(d time.Duration) { s.interval.set(d) }
