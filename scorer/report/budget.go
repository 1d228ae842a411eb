package report

import (
	"math"
	"time"
)

const (
	// shedShare is the share of connections that may be asked to leave per
	// second. It is above anything that is meant, and spares the pool when
	// something else is said.
	shedShare = 0.1
	// minShedRate is for backends that hold few.
	minShedRate = 10
)

// budget is a bucket of one second's worth of connections that may be asked to
// leave. It is guarded by the lock of the connections.
type budget struct {
	rate  float64 // per second; 0 for a share of what is open
	have  float64
	at    time.Time
	begun bool
}

// limit is how many may be asked per second where so many were open at most lately.
func (b *budget) limit(most float64) float64 {
	if b.rate > 0 {
		return b.rate
	}
	return max(shedShare*most, minShedRate)
}

// take grants as many of the wanted as there is budget for.
func (b *budget) take(now time.Time, wanted int, most float64) int {
	rate := b.limit(most)
	room := max(rate, 1) // or nobody could ever be asked
	if b.begun {
		b.have = min(b.have+rate*now.Sub(b.at).Seconds(), room)
	} else {
		b.have, b.begun = room, true
	}
	b.at = now
	granted := min(wanted, int(math.Floor(b.have)))
	b.have -= float64(granted)
	return granted
}
