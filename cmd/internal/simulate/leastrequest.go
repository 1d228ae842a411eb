package simulate

import "math"

// leastRequest is Envoy's LEAST_REQUEST. With equal weights it is the least busy
// of a few random endpoints, the first of equal ones, or of all of them; as soon
// as any two weights differ, earliest deadline first by weight/(active+1)^bias,
// whatever else is set.
type leastRequest struct {
	*edf
	choices  int
	fullScan bool
	bias     float64
}

func newLeastRequest(v view, p Proxy) *leastRequest {
	l := &leastRequest{choices: p.Choices, fullScan: p.FullScan, bias: *p.Bias}
	l.edf = newEDF(v, l.weightNow)
	return l
}

func (l *leastRequest) weightNow(host int32) float64 {
	weight, active := float64(l.weights[host]), float64(l.inFlight[host]+1)
	switch l.bias {
	case 0:
		return weight
	case 1:
		return weight / active
	default:
		return weight / math.Pow(active, l.bias)
	}
}

func (l *leastRequest) changed(int) {}

func (l *leastRequest) pick() int {
	switch {
	case len(l.hosts) == 0:
		return -1
	case !l.equal:
		return int(l.earliest())
	case l.fullScan:
		return int(l.least())
	}
	n := len(l.hosts)
	best := l.hosts[l.random.IntN(n)]
	for range l.choices - 1 {
		if h := l.hosts[l.random.IntN(n)]; l.inFlight[h] < l.inFlight[best] {
			best = h
		}
	}
	return int(best)
}

// least is the least busy of all, a random one of equal ones.
func (l *leastRequest) least() int32 {
	best, tied := l.hosts[0], 1
	for _, h := range l.hosts[1:] {
		switch {
		case l.inFlight[h] < l.inFlight[best]:
			best, tied = h, 1
		case l.inFlight[h] == l.inFlight[best]:
			if tied++; l.random.IntN(tied) == 0 {
				best = h
			}
		}
	}
	return best
}
