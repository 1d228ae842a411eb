package discovery

import "sync/atomic"

// Counters are totals since the server was made, but for Streams.
type Counters struct {
	// Streams is how many are open, Opened how many ever were.
	Streams int
	Opened  uint64
	// Unknown are requests for types that are not served, on aggregated streams.
	Unknown uint64
	// Types has an entry for each type that is served, by its URL.
	Types map[string]TypeCounters
}

// TypeCounters are of one type, all views and protocols together.
type TypeCounters struct {
	// Responses and Bytes are what was handed to gRPC, Acks and Nacks what came
	// back.
	Responses, Bytes, Acks, Nacks uint64
	// Images is how many different responses were encoded.
	Images uint64
}

type counts struct {
	unknown                               atomic.Uint64
	responses, bytes, acks, nacks, images [kinds]atomic.Uint64
}

// Counters reads the counters. They are not of one instant.
func (s *Server) Counters() Counters {
	s.mu.Lock()
	c := Counters{Streams: len(s.streams), Opened: s.opened}
	s.mu.Unlock()
	c.Unknown = s.counts.unknown.Load()
	c.Types = make(map[string]TypeCounters, kinds)
	for k := range kinds {
		c.Types[k.typeURL()] = TypeCounters{
			Responses: s.counts.responses[k].Load(),
			Bytes:     s.counts.bytes[k].Load(),
			Acks:      s.counts.acks[k].Load(),
			Nacks:     s.counts.nacks[k].Load(),
			Images:    s.counts.images[k].Load(),
		}
	}
	return c
}
