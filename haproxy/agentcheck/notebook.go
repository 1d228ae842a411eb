package agentcheck

import (
	"log/slog"
	"sync"
)

// maxNotes is how many different troubles are told of: who asks for ever new
// names fills neither the log nor the memory.
const maxNotes = 200

// notebook says everything once, as a HAProxy asks again every few seconds.
type notebook struct {
	log  *slog.Logger
	mu   sync.Mutex
	said map[string]bool
}

func newNotebook(log *slog.Logger) *notebook {
	return &notebook{log: log, said: map[string]bool{}}
}

func (n *notebook) warn(key, message string, args ...any) {
	n.mu.Lock()
	news := !n.said[key] && len(n.said) < maxNotes
	if news {
		n.said[key] = true
	}
	n.mu.Unlock()
	if news {
		n.log.Warn(message, args...)
	}
}
