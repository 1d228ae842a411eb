package discovery

import (
	"sync"
	"weak"
)

// image is one response, ready to be sent. It is immutable and shared by all
// streams whose clients go from the same holding to the same.
type image struct {
	to    *holding
	nonce string
	// sent are the names of the resources in it, removed those that it takes away,
	// told those that have changed: all sorted.
	sent, removed, told []string
	// fresh is whether it has resources whose names are new to the client.
	fresh bool
	// message is nil if the protocol has no words for the difference.
	message []byte
}

// imageKey identifies a response within a topic. The sums stand for the holdings.
type imageKey struct {
	delta    bool
	told     bool // false: the client was never told anything
	from, to uint64
	// twin is a second response that differs in the nonce alone.
	twin bool
}

// images finds the responses that are under way. It does not keep them: an image
// lives as long as a stream waits for its ACK.
type images struct {
	kind    kind
	encoder *encoder

	mu      sync.Mutex
	byKey   map[imageKey]weak.Pointer[image]
	sweepAt int
}

const minSweep = 64

// get returns the response that brings a client from one holding to another. The
// snapshot is the one that to was resolved in; from may be nil. The nonce is not the
// one that the client was sent last: what answers that response must not be
// taken for an answer to this one.
func (c *images) get(delta bool, from, to *holding, in *snapshot, last string) *image {
	key := imageKey{delta: delta, to: to.sum}
	if from != nil {
		key.told, key.from = true, from.sum
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.byKey[key].Value()
	if known != nil && known.nonce == last {
		key.twin = true
		known = c.byKey[key].Value()
	}
	if known != nil {
		return known
	}
	made := c.encoder.encode(c.kind, delta, from, to, in)
	c.sweep()
	c.byKey[key] = weak.Make(made)
	return made
}

// sweep forgets the keys of images that are gone, once there are many.
func (c *images) sweep() {
	if c.byKey == nil {
		c.byKey = make(map[imageKey]weak.Pointer[image])
	}
	if len(c.byKey) < max(c.sweepAt, minSweep) {
		return
	}
	for key, pointer := range c.byKey {
		if pointer.Value() == nil {
			delete(c.byKey, key)
		}
	}
	c.sweepAt = 2 * len(c.byKey)
}
