package assign

import "time"

const (
	// slot is how exactly it is known when something was assigned; slots reach back
	// over some missed reports of the usual period.
	slot  = 250 * time.Millisecond
	slots = 128
)

// recent counts assignments by when they were made.
type recent struct {
	counts [slots]uint32
	newest int64 // the slot's number since the epoch
}

func (r *recent) add(now time.Time) {
	n := r.advance(now)
	r.counts[n%slots]++
}

// advance makes the slot of now the newest. What is a little older counts into the
// newest there is; a clock that was set back by more begins anew, as otherwise nothing
// that is counted would be over before it is as late again.
func (r *recent) advance(now time.Time) int64 {
	n := now.UnixNano() / int64(slot)
	if n-r.newest >= slots || r.newest-n >= slots {
		clear(r.counts[:])
		r.newest = n
	}
	for r.newest < n {
		r.newest++
		r.counts[r.newest%slots] = 0
	}
	return r.newest
}

// since is how many were assigned that a report made at the given time has not seen;
// zero asks for all that are remembered. Clients follow evenly within the given time
// after they were assigned.
func (r *recent) since(reported, now time.Time, follow time.Duration) float64 {
	newest := r.advance(now)
	var sum float64
	for n := newest - slots + 1; n <= newest; n++ {
		count := r.counts[n%slots]
		if count == 0 {
			continue
		}
		seen := 0.0
		if passed := reported.Sub(time.Unix(0, (n+1)*int64(slot))); !reported.IsZero() && passed >= 0 {
			seen = 1
			if passed < follow {
				seen = passed.Seconds() / follow.Seconds()
			}
		}
		sum += float64(count) * (1 - seen)
	}
	return sum
}
