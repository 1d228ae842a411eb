package loadstats

import (
	"iter"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// clusterStats is a ClusterStats of envoy.config.endpoint.v3, the parts of it
// that are read. Its bytes are those of the message.
type clusterStats struct {
	name, service []byte
	interval      time.Duration
	raw           []byte
}

func decodeCluster(raw []byte) (clusterStats, error) {
	c := clusterStats{raw: raw}
	var interval []byte
	for len(raw) > 0 {
		f, rest, err := cut(raw)
		if err != nil {
			return c, err
		}
		switch raw = rest; {
		case f.text(1):
			c.name = f.bytes
		case f.text(4):
			interval = joined(interval, f.bytes)
		case f.text(6):
			c.service = f.bytes
		}
	}
	var err error
	c.interval, err = decodeDuration(interval)
	return c, err
}

// localities iterates over the cluster's UpstreamLocalityStats.
func (c *clusterStats) localities() iter.Seq2[localityStats, error] {
	return func(yield func(localityStats, error) bool) {
		eachPart(c.raw, 2, func(part []byte) bool { return yield(decodeLocality(part)) })
	}
}

// eachPart calls do with each field of that number in a message which has been
// decoded once without an error.
func eachPart(raw []byte, number protowire.Number, do func([]byte) bool) {
	for len(raw) > 0 {
		f, rest, err := cut(raw)
		if err != nil {
			return
		}
		raw = rest
		if f.text(number) && !do(f.bytes) {
			return
		}
	}
}

// decodeDuration reads a google.protobuf.Duration, absurd ones as the longest
// there are.
func decodeDuration(raw []byte) (time.Duration, error) {
	var seconds int64
	var nanos int32
	for len(raw) > 0 {
		f, rest, err := cut(raw)
		if err != nil {
			return 0, err
		}
		switch raw = rest; {
		case f.varint(1):
			seconds = int64(f.bits)
		case f.varint(2):
			nanos = int32(f.bits)
		}
	}
	const most = math.MaxInt64/int64(time.Second) - 3
	return time.Duration(min(max(seconds, -most), most))*time.Second + time.Duration(nanos), nil
}
