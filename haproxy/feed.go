package haproxy

import (
	"context"
	"slices"
	"sync"
)

// feed hands values to any number of readers and never waits for one: who is
// slow loses the oldest.
type feed[T any] struct {
	// kept says that only the newest value counts, and that a new reader gets it
	// at once.
	kept bool

	mu      sync.Mutex
	readers []chan T
	newest  T
	any     bool
}

func (f *feed[T]) join() chan T {
	f.mu.Lock()
	defer f.mu.Unlock()
	room := reportSlack
	if f.kept {
		room = 1
	}
	me := make(chan T, room)
	if f.kept && f.any {
		me <- f.newest
	}
	f.readers = append(f.readers, me)
	return me
}

func (f *feed[T]) leave(me chan T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.readers = slices.DeleteFunc(f.readers, func(c chan T) bool { return c == me })
}

func (f *feed[T]) send(value T) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.kept {
		f.newest, f.any = value, true
	}
	for _, to := range f.readers {
		if len(to) == cap(to) {
			// The reader may take it first; there is room then, too.
			select {
			case <-to:
			default:
			}
		}
		to <- value // only a feed sends, under its lock
	}
}

// each calls do for every value until ctx ends or do returns false.
func (f *feed[T]) each(ctx context.Context, do func(T) bool) {
	me := f.join()
	defer f.leave(me)
	for {
		select {
		case <-ctx.Done():
			return
		case value := <-me:
			if !do(value) {
				return
			}
		}
	}
}

func deliver[T any](ctx context.Context, out chan<- T, value T) bool {
	select {
	case <-ctx.Done():
		return false
	case out <- value:
		return true
	}
}
