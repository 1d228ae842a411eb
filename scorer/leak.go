package scorer

// leakFor is the leak under an algorithm: by how much slower than the pool a backend may answer before it
// loses more weight, as a share of the log capacity that it has lost already:
// expected completions are in-flight over the pool's pace times e^(leak·x).
//
// leastconn needs none. It evens out what is in flight per weight by itself, so
// right weights make latencies equal, and any leak keeps a weak backend above
// its share (five servers of 8, 8, 4, 4 and 2 cores at 70 %: p99 1.046 of the
// known capacities with a leak of 0.2, 1.007 with none). Where there is little
// in flight it takes idle servers whatever their weight, so that a weight gone
// too low does no harm.
//
// An algorithm that draws by weight has no such safety. random(2) with one
// server of five at half speed: p99 1.05 of the known capacities with 0.2, 1.07
// with 0.1.
func (k *Constants) leakFor(a Algorithm) float64 {
	if a == LeastConnections {
		return 0
	}
	return k.Leak
}
