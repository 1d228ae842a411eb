package report

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// shard is a part of the counts, apart from the others in memory so that
// processors do not wait for each other's. 128 bytes, as two lines of a cache
// are fetched together.
type shard struct {
	begun, ended, failed atomic.Uint64
	_                    [128 - 3*8]byte
}

// counters count requests.
type counters struct {
	shards []shard
	// near hands a processor the shard that it had last, which is in its cache:
	// a pool keeps what it is given by processor. It owns nothing.
	near sync.Pool
	next atomic.Uint32
}

// maxShards bounds the time to add them up.
const maxShards = 64

// init makes shards for twice as many processors as there are, so that two
// seldom get the same one.
func (c *counters) init() {
	c.shards = make([]shard, min(2*runtime.GOMAXPROCS(0), maxShards))
	c.near.New = func() any { return &c.shards[c.next.Add(1)%uint32(len(c.shards))] }
}

// pick takes a shard: which one matters to nobody.
func (c *counters) pick() *shard {
	s := c.near.Get().(*shard)
	c.near.Put(s)
	return s
}

// totals are counts since the beginning, and how many are in flight.
type totals struct{ ended, failed, inFlight uint64 }

// read adds the shards up. Each is read at one moment of its own, so that nothing
// counts as in flight for having come while this was reading.
func (c *counters) read() totals {
	var t totals
	for i := range c.shards {
		ended, inFlight := c.shards[i].read()
		t.failed += c.shards[i].failed.Load()
		t.ended += ended
		t.inFlight += inFlight
	}
	return t
}

// maxReads bounds how often a shard is read that changes while it is.
const maxReads = 16

func (s *shard) read() (ended, inFlight uint64) {
	ended = s.ended.Load()
	for range maxReads {
		// There never ended more than began, as what ended is read before.
		inFlight = s.begun.Load() - ended
		again := s.ended.Load()
		if again == ended {
			break
		}
		ended = again
	}
	return ended, inFlight
}
