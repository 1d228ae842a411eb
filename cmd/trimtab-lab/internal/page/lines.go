package page

import (
	"math"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// lines say which backends a line is made from: of a scenario with pools, each
// pool's for themselves.
type lines struct {
	names   []string
	members [][]int
	bands   bool
	// pools are the backends of each.
	pools [][]int
}

// strings is how many rows of values there are for each metric.
func (l lines) strings() int {
	if l.bands {
		return 3 * len(l.names)
	}
	return len(l.names)
}

// metrics packs all that is drawn of one policy. Weights become shares of the
// pool, as proxies' units differ.
func (l lines) metrics(s *simulate.Series, points, per int) []metric {
	const weight = 2
	out := make([]metric, len(metricsOf(simulate.BackendSeries{})))
	for m := range out {
		all := make([][]float64, len(s.Backends))
		for i := range s.Backends {
			all[i] = shrink(metricsOf(s.Backends[i])[m], points, per)
		}
		if m == weight {
			for _, pool := range l.pools {
				share(all, pool)
			}
		}
		var rows [][]float64
		for _, members := range l.members {
			rows = append(rows, l.rows(all, members)...)
		}
		out[m] = packed(rows)
	}
	return out
}

// share makes a pool's values of one time add up to 1.
func share(all [][]float64, pool []int) {
	for t := range all[0] {
		sum := 0.0
		for _, i := range pool {
			sum += all[i][t]
		}
		for _, i := range pool {
			all[i][t] /= max(sum, math.SmallestNonzeroFloat64)
		}
	}
}

// rows are one line's: its values, or mean, least and most.
func (l lines) rows(all [][]float64, members []int) [][]float64 {
	if !l.bands {
		return [][]float64{all[members[0]]}
	}
	points := len(all[0])
	mean, least, most := make([]float64, points), make([]float64, points), make([]float64, points)
	for t := range points {
		sum, n := 0.0, 0
		low, high := math.Inf(1), math.Inf(-1)
		for _, i := range members {
			if v := all[i][t]; !math.IsNaN(v) {
				sum += v
				n++
				low, high = min(low, v), max(high, v)
			}
		}
		mean[t], least[t], most[t] = sum/float64(n), low, high
		if n == 0 {
			least[t], most[t] = math.NaN(), math.NaN()
		}
	}
	return [][]float64{mean, least, most}
}

func packed(rows [][]float64) metric {
	most := 0.0
	for _, row := range rows {
		for _, v := range row {
			if !math.IsNaN(v) {
				most = max(most, v)
			}
		}
	}
	if most == 0 {
		most = 1
	}
	// Four digits are enough to draw by, and short.
	unit := math.Pow(10, math.Floor(math.Log10(most))-3)
	out := metric{Max: math.Ceil(most/unit) * unit}
	for _, row := range rows {
		out.Values = append(out.Values, encode(row, out.Max))
	}
	return out
}
