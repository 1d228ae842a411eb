package loadstats

import (
	"iter"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// metric is the sum of what backends reported with so many finished requests.
type metric struct {
	sum      float64
	requests uint64
}

func (m *metric) add(other metric) {
	m.sum += other.sum
	m.requests += other.requests
}

// mean is NaN without any request.
func (m metric) mean() float64 {
	if m.requests == 0 {
		return math.NaN()
	}
	return m.sum / float64(m.requests)
}

// decode reads the fields of those numbers.
func (m *metric) decode(raw []byte, requests, sum protowire.Number) error {
	for len(raw) > 0 {
		f, rest, err := cut(raw)
		if err != nil {
			return err
		}
		switch raw = rest; {
		case f.varint(requests):
			m.requests = f.bits
		case f.fixed(sum):
			m.sum = math.Float64frombits(f.bits)
		}
	}
	return nil
}

// namedMetric is an EndpointLoadMetricStats.
type namedMetric struct {
	name []byte
	metric
}

// metricsOf iterates over the EndpointLoadMetricStats of a locality or an
// endpoint, which have the same number in both.
func metricsOf(raw []byte) iter.Seq2[namedMetric, error] {
	return func(yield func(namedMetric, error) bool) {
		eachPart(raw, 5, func(part []byte) bool {
			var m namedMetric
			err := m.decode(part, 2, 3)
			if err == nil {
				eachPart(part, 1, func(name []byte) bool { m.name = name; return true })
			}
			return yield(m, err)
		})
	}
}
