package scorer

import (
	"testing"
	"time"
)

func BenchmarkScaler(b *testing.B) {
	s := newScaler(b, ScaleConfig{})
	in := farm(700, ones(1000)...)
	second := 0
	for b.Loop() {
		second++
		s.Advise(start.Add(time.Duration(second)*time.Second), in)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/backend")
}
