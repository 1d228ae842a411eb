package page

import (
	"fmt"
	"math"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// data is what the script draws. Values are packed: see [encode].
type data struct {
	Charts []chart `json:"charts"`
}

type chart struct {
	// Step is the time between two points, and Warmup what is not counted, in
	// seconds.
	Step     float64      `json:"step"`
	Points   int          `json:"points"`
	Warmup   float64      `json:"warmup"`
	Events   []happening  `json:"events"`
	Lines    []string     `json:"lines"`
	Bands    bool         `json:"bands"`
	Policies []policyData `json:"policies"`
}

type happening struct {
	At   float64 `json:"at"`
	Text string  `json:"text"`
}

type policyData struct {
	Name string `json:"name"`
	Note string `json:"note"`
	// Metrics are in the order of metricsOf; of each, a string for each line, and
	// with bands three: mean, least, most.
	Metrics []metric `json:"metrics"`
}

type metric struct {
	Max    float64  `json:"max"`
	Values []string `json:"values"`
}

// budget is how many packed values a page has for all its charts together, each
// of two characters; leastPoints and mostPoints how many a line has.
const (
	budget      = 1_200_000
	leastPoints = 40
	mostPoints  = 240
)

func pack(charts []Chart) data {
	lines := 0
	for _, c := range charts {
		n := linesOf(c)
		lines += n.strings() * len(metricsOf(simulate.BackendSeries{})) * len(c.Verdicts)
	}
	points := min(max(budget/max(lines, 1), leastPoints), mostPoints)
	var out data
	for _, c := range charts {
		out.Charts = append(out.Charts, chartOf(c, points))
	}
	return out
}

func chartOf(c Chart, points int) chart {
	seconds := int(c.File.End().Seconds())
	per := max((seconds+points-1)/points, 1)
	out := chart{
		Step: float64(per), Points: (seconds + per - 1) / per, Warmup: c.File.Warmup.Seconds(),
		Events: happenings(c.File),
	}
	lines := linesOf(c)
	out.Lines, out.Bands = lines.names, lines.bands
	for i := range c.Verdicts {
		v := &c.Verdicts[i]
		if len(v.Results) == 0 || v.Results[0].Series == nil {
			continue
		}
		out.Policies = append(out.Policies, policyData{
			Name: v.Policy, Note: note(v), Metrics: lines.metrics(v.Results[0].Series, out.Points, per),
		})
	}
	return out
}

// note is how that very run went.
func note(v *simulate.Verdict) string {
	r := &v.Results[0]
	out := fmt.Sprintf("p99 %.4g ms", float64(r.P99.Microseconds())/1000)
	if e := r.ErrorShare(); e >= notableErrors {
		out += fmt.Sprintf(", %.1f %% errors", 100*e)
	}
	return out
}

// metricsOf lists what is drawn of a backend.
func metricsOf(b simulate.BackendSeries) [][]float64 {
	return [][]float64{b.InFlight, b.Utilization, b.Weight, b.Latency}
}

// shrink takes the mean of so many values at a time; what is NaN does not count.
func shrink(values []float64, points, per int) []float64 {
	out := make([]float64, points)
	for i := range out {
		sum, n := 0.0, 0
		for _, v := range values[min(i*per, len(values)):min((i+1)*per, len(values))] {
			if !math.IsNaN(v) {
				sum += v
				n++
			}
		}
		out[i] = sum / float64(n) // 0/0 is the NaN that is wanted
	}
	return out
}

// alphabet has what needs no escape anywhere. Two characters are one of 4096
// values, the last of which is a gap.
const (
	alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	gap      = len(alphabet)*len(alphabet) - 1
)

// encode packs values from 0 to most.
func encode(values []float64, most float64) string {
	var b strings.Builder
	for _, v := range values {
		n := gap
		if !math.IsNaN(v) {
			n = int(math.Round(min(max(v, 0), most) / most * float64(gap-1)))
		}
		b.WriteByte(alphabet[n/len(alphabet)])
		b.WriteByte(alphabet[n%len(alphabet)])
	}
	return b.String()
}
