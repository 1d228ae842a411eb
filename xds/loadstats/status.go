package loadstats

import (
	"cmp"
	"slices"
	"time"
)

// Stream is how one data plane's load reports go. It is a copy.
type Stream struct {
	Node Node
	// Origin is the Report.Origin of its reports.
	Origin string
	// Peer is the address that the stream comes from.
	Peer string
	// Since is when the stream began, LastReport when its newest report came
	// in: zero before the first.
	Since, LastReport time.Time
	// Interval is what the newest report was counted over, 0 before there was
	// one with a mapped cluster.
	Interval time.Duration
	// Reports counts the reports. The next four are of the newest one.
	Reports uint64
	// Clusters is how many mapped clusters it listed.
	Clusters int
	// UnknownClusters and UnknownEndpoints are what was left out because it is
	// not in the mapping, or is too much; a data plane's own clusters, such as
	// the one it reaches trimtab by, are among the first.
	UnknownClusters, UnknownEndpoints int
	// Unattributed is how many mapped clusters were left out as a whole because
	// nothing in them could be told to be a backend, as where a data plane
	// reports sums of a zone.
	Unattributed int
	// Implausible counts, over all reports, the values left out because they
	// cannot be true.
	Implausible uint64
}

// Status has an entry for each stream that is open, sorted by origin.
func (s *Server) Status() []Stream {
	s.mu.Lock()
	out := make([]Stream, 0, len(s.streams))
	for one := range s.streams {
		out = append(out, *one.status.Load())
	}
	s.mu.Unlock()
	slices.SortFunc(out, func(a, b Stream) int { return cmp.Compare(a.Origin, b.Origin) })
	return out
}
