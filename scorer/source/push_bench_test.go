package source

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// All of a request but HTTP: a thousand reports at once.
func BenchmarkPush(b *testing.B) {
	const many = 1000
	p := NewPush(PushOptions{})
	var backends []scorer.Backend
	var body bytes.Buffer
	for i := range many {
		backends = append(backends, scorer.Backend{Name: fmt.Sprintf("s%d", i)})
		fmt.Fprintf(&body, `%c{"pool": "web", "backend": "s%d", "utilization": 0.4, "in_flight": 12, "rps": 30.5, "named_metrics": {"queue": 7}}`, "[,"[min(i, 1)], i)
	}
	body.WriteByte(']')
	p.SetBackends(backends)
	for b.Loop() {
		requests, err := DecodePush(body.Bytes(), many)
		if err != nil {
			b.Fatal(err)
		}
		taken := make([]Pushed, 0, many)
		for _, r := range requests {
			if err := p.Check(r.Pushed); err != nil {
				b.Fatal(err)
			}
			taken = append(taken, r.Pushed)
		}
		p.Take(time.Now(), taken)
		p.due(time.Now())
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/many, "ns/report")
}
