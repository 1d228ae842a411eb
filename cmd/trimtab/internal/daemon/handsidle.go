package daemon

import (
	"fmt"
	"maps"
	"sync"
	"time"
)

const (
	// leaveTime is how long connections that were asked may take to go, or may be too
	// young to be told from others, without anybody being told.
	leaveTime = 10 * time.Second
	// idlePause is how long nobody may be wanted for the time to begin anew.
	idlePause = 5 * time.Second
)

// idle are those who close connections and find none that they could, though some are
// to go: a drain that waits for them never ends, and somebody has to know why. The zero
// value knows of none.
type idle struct {
	mu    sync.Mutex
	since map[string]span
}

// span is from when until when nobody was found.
type span struct{ from, until time.Time }

// found takes how many somebody has asked to go, and errs when there was nobody for too
// long.
func (i *idle) found(who string, count int, why string) error {
	now := time.Now()
	i.mu.Lock()
	defer i.mu.Unlock()
	if count > 0 {
		delete(i.since, who)
		return nil
	}
	s := i.since[who]
	if now.Sub(s.until) > idlePause {
		maps.DeleteFunc(i.since, func(_ string, s span) bool { return now.Sub(s.until) > idlePause })
		s.from = now
	}
	s.until = now
	if i.since == nil {
		i.since = map[string]span{}
	}
	i.since[who] = s
	if lasted := now.Sub(s.from); lasted >= leaveTime {
		return fmt.Errorf("for %v there has been nobody to ask: %s", lasted.Round(time.Second), why)
	}
	return nil
}
