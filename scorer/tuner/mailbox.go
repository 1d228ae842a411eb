package tuner

// mailbox holds the newest of what it was given: who is busy gets that, and never
// a backlog. The owner alone puts values in.
type mailbox[T any] chan T

func newMailbox[T any]() mailbox[T] { return make(mailbox[T], 1) }

// offer hands over a value without waiting.
func (m mailbox[T]) offer(value T) {
	select {
	case <-m:
	default:
	}
	m <- value // there is room: nobody else puts values in
}
