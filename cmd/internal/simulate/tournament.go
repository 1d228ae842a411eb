package simulate

import "math"

// tournament knows which of many comes first, with a few comparisons for each
// one that moves.
type tournament struct {
	// at is what they are compared by, order what equal ones are.
	at    []float64
	order []uint64
	// winners is a binary tree with its root at 1 whose leaves are the indices
	// of at.
	winners []int32
}

// newTournament has nobody in it: all are at infinity.
func newTournament(n int) tournament {
	size := 1
	for size < n {
		size *= 2
	}
	t := tournament{at: make([]float64, size), order: make([]uint64, size), winners: make([]int32, 2*size)}
	for i := range size {
		t.at[i] = math.Inf(1)
		t.winners[size+i] = int32(i)
	}
	for i := size - 1; i > 0; i-- {
		t.winners[i] = t.winners[2*i]
	}
	return t
}

func (t *tournament) set(i int, at float64) { t.place(i, at, 0) }

func (t *tournament) place(i int, at float64, order uint64) {
	t.at[i], t.order[i] = at, order
	for node := (len(t.at) + i) / 2; node > 0; node /= 2 {
		a, b := t.winners[2*node], t.winners[2*node+1]
		if t.at[b] < t.at[a] || t.at[b] == t.at[a] && t.order[b] < t.order[a] {
			a = b
		}
		t.winners[node] = a
	}
}

func (t *tournament) first() (i int, at float64) {
	w := t.winners[1]
	return int(w), t.at[w]
}
