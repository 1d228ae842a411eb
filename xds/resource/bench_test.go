package resource

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
)

// BenchmarkAssignment encodes 1,000 endpoints of which every weight has changed,
// and does the same with proto.Marshal for comparison.
func BenchmarkAssignment(b *testing.B) {
	const count = 1000
	endpoints := endpointsOf(count)
	a, err := NewAssignment("p", "c", endpoints)
	if err != nil {
		b.Fatal(err)
	}
	weights, draining := make([]uint32, count), make([]bool, count)
	for i := range weights {
		weights[i] = uint32(100_000 + 500*i)
	}
	body, err := a.Encode(weights, draining)
	if err != nil {
		b.Fatal(err)
	}
	message := assignmentIn(b, body)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Encode(weights, draining); err != nil {
			b.Fatal(err)
		}
	}
	ours := b.Elapsed().Seconds() / float64(b.N)
	const times = 2000
	start := time.Now()
	for range times {
		if _, err := proto.Marshal(message); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(time.Since(start).Seconds()/times/ours, "proto.Marshal÷ours")
	b.ReportMetric(float64(len(body)), "bytes")
}

// BenchmarkUpdate is a tick of a pool of 1,000 backends.
func BenchmarkUpdate(b *testing.B) {
	for name, moves := range map[string]bool{"all weights change": true, "nothing changes": false} {
		b.Run(name, func(b *testing.B) {
			const count = 1000
			weights := make([]float64, count)
			for i := range weights {
				weights[i] = 0.5 + float64(i)/count
			}
			u := Update{Plan: planOf(weights...), Endpoints: endpointsOf(count), Kind: "requests"}
			v := envoyOf(b, DefaultBalancing())
			update(b, v, u)
			sign := 1.0
			b.ReportAllocs()
			for b.Loop() {
				if moves {
					sign = -sign
					for i := range u.Plan.Decisions {
						u.Plan.Decisions[i].Weight = 1 + sign*(weights[i]-1)
					}
				}
				update(b, v, u)
			}
		})
	}
}
