package loadstats

import "iter"

// localityStats is an UpstreamLocalityStats, the parts of it that are read.
type localityStats struct {
	counts
	subZone                  []byte
	cpu, memory, utilization metric
	// byEndpoint says that there are endpoints, of which the counts are sums.
	byEndpoint bool
	raw        []byte
}

func decodeLocality(raw []byte) (localityStats, error) {
	l := localityStats{raw: raw}
	for len(raw) > 0 {
		f, rest, err := cut(raw)
		if err != nil {
			return l, err
		}
		switch raw = rest; {
		case f.text(1):
			err = l.decodeName(f.bytes)
		case f.varint(2):
			l.succeeded = f.bits
		case f.varint(3):
			l.inProgress = f.bits
		case f.varint(4):
			l.failed = f.bits
		case f.varint(8):
			l.issued = f.bits
		case f.text(7):
			l.byEndpoint = true
		case f.text(12):
			err = l.cpu.decode(f.bytes, 1, 2)
		case f.text(13):
			err = l.memory.decode(f.bytes, 1, 2)
		case f.text(14):
			err = l.utilization.decode(f.bytes, 1, 2)
		}
		if err != nil {
			return l, err
		}
	}
	return l, nil
}

// decodeName reads a Locality.
func (l *localityStats) decodeName(raw []byte) error {
	for len(raw) > 0 {
		f, rest, err := cut(raw)
		if err != nil {
			return err
		}
		if raw = rest; f.text(3) {
			l.subZone = f.bytes
		}
	}
	return nil
}

// endpoints iterates over the locality's UpstreamEndpointStats.
func (l *localityStats) endpoints() iter.Seq2[endpointStats, error] {
	return func(yield func(endpointStats, error) bool) {
		eachPart(l.raw, 7, func(part []byte) bool { return yield(decodeEndpoint(part)) })
	}
}

// metrics iterates over the locality's named metrics.
func (l *localityStats) metrics() iter.Seq2[namedMetric, error] { return metricsOf(l.raw) }
