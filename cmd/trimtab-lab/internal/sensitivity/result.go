package sensitivity

import (
	"cmp"
	"math"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Result is what a sweep has found.
type Result struct {
	// Names are the constants, in the order in which they were asked for.
	Names []string
	Rows  []Row
}

// Row is one law in one scenario behind one proxy.
type Row struct {
	Scenario, Proxy, Policy string
	// Noise is the largest change that constants make which are a per cent away from
	// the defaults.
	Noise float64
	// Changes are those of each constant and factor, in the order of Result.Names.
	Changes []Change
}

// Change is what becomes of a row.
type Change struct {
	Constant string
	Factor   float64
	// Idle is that nothing at all became of it.
	Idle bool
	// P99 is the relative change of p99, or, in pools of nothing but long-lived
	// connections, of the imbalance: the median over the seeds.
	P99 float64
	// Errors is by how much the share of errors changed.
	Errors float64
}

// compared is the row, after all was played.
func (r *row) compared() Row {
	out := Row{Scenario: r.match.Scenario.Name, Proxy: r.match.Proxy.String(), Policy: r.law()}
	for i := range r.controls {
		out.Noise = max(out.Noise, math.Abs(r.compare(r.controls[i].results, r.relative)))
	}
	for i := range r.variants {
		v := &r.variants[i]
		c := Change{Constant: v.constant, Factor: v.factor, Idle: v.results == nil}
		if !c.Idle {
			c.P99 = r.compare(v.results, r.relative)
			c.Errors = r.compare(v.results, func(a, b *simulate.Result) float64 { return a.ErrorShare() - b.ErrorShare() })
		}
		out.Changes = append(out.Changes, c)
	}
	return out
}

// compare is the median over the seeds of how results are beside the default's.
func (r *row) compare(results []simulate.Result, how func(a, b *simulate.Result) float64) float64 {
	values := make([]float64, len(results))
	for i := range results {
		values[i] = how(&results[i], &r.byDefault[i])
	}
	return median(values)
}

// relative is the change of what is to be small: of p99, or of the imbalance where
// there is nothing but connections. Where nothing was answered nothing is compared.
func (r *row) relative(a, b *simulate.Result) float64 {
	of, with := float64(a.P99), float64(b.P99)
	if len(r.match.Scenario.Requests) == 0 && r.match.Scenario.Load == nil {
		of, with = a.Imbalance, b.Imbalance
	}
	if !(of > 0 && with > 0) {
		return 0
	}
	return of/with - 1
}

func median(values []float64) float64 {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// Summary is what one change of one constant does in all rows.
type Summary struct {
	Constant string
	Factor   float64
	// Acted is in how many rows anything became of it.
	Acted int
	// Worst is the row with the largest change of p99 beyond its noise; nil if none
	// acted.
	Worst *Row
	// P99 is the change there.
	P99 float64
	// Median is that of the amounts of change of p99 over all rows, those where nothing
	// became of it included.
	Median float64
	// Errors is the largest change of the share of errors in any row.
	Errors float64
}

// Beyond is by how much a summary's change exceeds what is noise there.
func (s *Summary) Beyond() float64 {
	if s.Worst == nil {
		return 0
	}
	return math.Abs(s.P99) - s.Worst.Noise
}

// Summaries are those of each constant and factor.
func (r *Result) Summaries() []Summary {
	var out []Summary
	for i := range len(r.Names) * len(factors()) {
		s := Summary{Constant: r.Names[i/len(factors())], Factor: factors()[i%len(factors())]}
		var amounts []float64
		for k := range r.Rows {
			row, c := &r.Rows[k], r.Rows[k].Changes[i]
			amounts = append(amounts, math.Abs(c.P99))
			if c.Idle {
				continue
			}
			s.Acted++
			if s.Worst == nil || math.Abs(c.P99)-row.Noise > s.Beyond() {
				s.Worst, s.P99 = row, c.P99
			}
			s.Errors = larger(s.Errors, c.Errors)
		}
		s.Median = median(amounts)
		out = append(out, s)
	}
	return out
}

func larger(a, b float64) float64 {
	return slices.MaxFunc([]float64{a, b}, func(a, b float64) int { return cmp.Compare(math.Abs(a), math.Abs(b)) })
}
