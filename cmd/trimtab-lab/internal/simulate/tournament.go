package simulate

import "math"

// tournament knows which of many instants comes first, with a few comparisons
// for each one that moves.
type tournament struct {
	at []float64
	// winners is a binary tree with its root at 1 whose leaves are the indices
	// of at.
	winners []int32
}

func newTournament(n int) tournament {
	size := 1
	for size < n {
		size *= 2
	}
	t := tournament{at: make([]float64, size), winners: make([]int32, 2*size)}
	for i := range size {
		t.at[i] = math.Inf(1)
		t.winners[size+i] = int32(i)
	}
	for i := size - 1; i > 0; i-- {
		t.winners[i] = t.winners[2*i]
	}
	return t
}

func (t *tournament) set(i int, at float64) {
	t.at[i] = at
	for node := (len(t.at) + i) / 2; node > 0; node /= 2 {
		a, b := t.winners[2*node], t.winners[2*node+1]
		if t.at[b] < t.at[a] {
			a = b
		}
		t.winners[node] = a
	}
}

func (t *tournament) first() (i int, at float64) {
	w := t.winners[1]
	return int(w), t.at[w]
}
