package load

import "time"

// player is a client, its connection, and when it acts next.
type player struct {
	client Client
	link   *link // nil while it has none
	at     time.Duration
	place  int // in the agenda
}

// unscheduled is the place of one who does not act.
const unscheduled = -1

// agenda is a heap of those who will act, the next one first.
type agenda []*player

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a agenda) Swap(i, j int) {
	a[i], a[j] = a[j], a[i]
	a[i].place, a[j].place = i, j
}

// Push implements heap.Interface.
func (a *agenda) Push(x any) {
	p := x.(*player)
	p.place = len(*a)
	*a = append(*a, p)
}

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := len(*a) - 1
	p := (*a)[last]
	(*a)[last] = nil
	*a = (*a)[:last]
	p.place = unscheduled
	return p
}
