package report

// Request is one piece of work in progress. It is not safe for concurrent use.
type Request struct {
	reporter *Reporter
	shard    *shard // nil once it is over
}

// Begin counts a request in, for servers that no middleware of this package
// fits: a queue's consumer, or the messages of a WebSocket one by one. The
// caller ends it.
func (r *Reporter) Begin() Request {
	s := r.counters.pick()
	s.begun.Add(1)
	return Request{r, s}
}

// End counts the request as completed, and as failed if that was the server's
// fault. Any further call does nothing.
func (q *Request) End(failed bool) {
	if q.shard == nil {
		return
	}
	if failed {
		q.shard.failed.Add(1)
	}
	q.shard.ended.Add(1)
	q.shard = nil
}

// Connect makes a long-lived connection of the request, which is completed by
// that. See [Reporter.Connect].
func (q *Request) Connect(leave Leave) *Connection {
	q.End(false)
	return q.reporter.Connect(leave)
}
