package loadstats

// history is what is remembered of one backend from report to report.
type history struct {
	open uint64
	// issued and answered say that work was ever begun, and that any was ever
	// called a success or an error.
	issued, answered bool
	words            words
}

// finish takes in a period's counts and returns the work that ended in it.
//
// A TCP proxy calls nothing a success or an error. Where work begins and none is
// ever answered, what is over is what is no longer in progress, and all of it is
// opaque.
func (h *history) finish(c *counts) (finished uint64, opaque bool) {
	over := int64(h.open) + int64(c.issued) - int64(c.inProgress)
	h.open = c.inProgress
	h.issued = h.issued || c.issued > 0
	h.answered = h.answered || c.succeeded+c.failed > 0
	if h.issued && !h.answered {
		return uint64(max(over, 0)), true
	}
	return c.succeeded + c.failed, false
}
