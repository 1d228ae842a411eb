package scorer

import (
	"cmp"
	"math"
	"slices"
)

// need is how many backends hold a load, by what is there.
type need struct {
	// count is how many are needed of such as there are.
	count int
	// room is the capacity of those in service, capacity what the load needs.
	room, capacity float64
	// order is who would be spared first; nil where it is plain that nobody can be.
	order []ScaleBackend
}

// needOf finds how many backends give a capacity at the target.
func needOf(in []ScaleBackend, capacity float64) need {
	n := need{count: len(in), capacity: capacity}
	sizes := make([]float64, 0, len(in))
	least := math.Inf(1)
	for i := range in {
		if in[i].InService {
			n.room += in[i].Capacity
			least = min(least, in[i].Capacity)
			sizes = append(sizes, in[i].Capacity)
		}
	}
	const rounding = 1e-9
	if missing := capacity - n.room; missing > rounding*n.room {
		slices.Sort(sizes)
		n.count += int(math.Ceil(min(missing/sizes[len(sizes)/2], maxMissing) - rounding))
		return n
	}
	if len(sizes) == len(in) && n.room-least < spareMargin*capacity {
		return n // not even the smallest
	}
	n.order = spareable(in)
	rest := n.room
	for i := range n.order {
		if n.order[i].InService {
			rest -= n.order[i].Capacity
		}
		// One stays: a pool of none would hold nothing however little there is.
		if n.count == 1 || rest < spareMargin*capacity {
			break
		}
		n.count--
	}
	return n
}

// maxMissing bounds how many more are needed at once.
const maxMissing = 10_000

// spareable sorts backends by what it costs to empty them: first those that take no
// work anyway, then by what is open at each (long-lived connections have to be
// moved, requests to be waited for), then by the load that the others take over.
func spareable(in []ScaleBackend) []ScaleBackend {
	out := slices.Clone(in)
	slices.SortFunc(out, func(a, b ScaleBackend) int {
		if by := cmp.Compare(serving(a), serving(b)); by != 0 {
			return by
		}
		if by := cmp.Compare(unknownLast(a.InFlight), unknownLast(b.InFlight)); by != 0 {
			return by
		}
		if by := cmp.Compare(unknownLast(a.Capacity*a.Utilization), unknownLast(b.Capacity*b.Utilization)); by != 0 {
			return by
		}
		return cmp.Compare(a.Backend, b.Backend)
	})
	return out
}

func serving(b ScaleBackend) int {
	if b.InService {
		return 1
	}
	return 0
}

func unknownLast(v float64) float64 {
	if math.IsNaN(v) {
		return math.Inf(1)
	}
	return v
}

// choose names the backend to spare. The one that was named stays while it is hardly
// dearer than the cheapest: whoever acts on it needs some time.
func (n *need) choose(before string, asked bool) string {
	if !asked {
		return ""
	}
	chosen := ""
	dearest := math.Inf(1)
	for i := range n.order {
		b := &n.order[i]
		rest := n.room
		if b.InService {
			rest -= b.Capacity
		}
		if rest < spareMargin*n.capacity || len(n.order) == 1 {
			continue // the others do not hold its work
		}
		if chosen == "" {
			chosen = b.Backend
			dearest = unknownLast(b.InFlight)*spareAlike + 1
			if !b.InService {
				return chosen
			}
		}
		if b.Backend == before && unknownLast(b.InFlight) <= dearest {
			return before
		}
	}
	return chosen
}

// spareAlike is how much more than the cheapest may be open at the one that was
// named before.
const spareAlike = 1.2
