package page

import (
	"fmt"
	"math"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

// strip is all regrets of one policy on a line.
type strip struct {
	Policy string
	Y      float64
	Dots   []dot
}

type dot struct {
	X, Y  float64
	Title string
	Level string
}

type tick struct {
	X    float64
	Text string
}

// Regrets from leastRegret to mostRegret are drawn in the logarithm; those beyond
// are at the ends.
const (
	leastRegret, mostRegret = 0.5, 16.0
	stripLeft, stripWidth   = 150.0, 820.0
	stripTop, stripHeight   = 34.0, 24.0
)

func place(regret float64) float64 {
	r := min(max(regret, leastRegret), mostRegret)
	return stripLeft + stripWidth*math.Log(r/leastRegret)/math.Log(mostRegret/leastRegret)
}

func ticks() []tick {
	var out []tick
	for _, r := range []float64{0.5, 0.7, 1, 1.05, 1.2, 1.5, 2, 3, 5, 8, 16} {
		text := fmt.Sprint(r)
		switch r {
		case 1.05:
			text = ""
		case mostRegret:
			text = "≥ 16"
		}
		out = append(out, tick{place(r), text})
	}
	return out
}

func strips(entries []judgement.Entry, policies []string) []strip {
	out := make([]strip, len(policies))
	for i, name := range policies {
		out[i] = strip{Policy: name, Y: stripTop + stripHeight*(float64(i)+0.5)}
		for k := range entries {
			f := entries[k].Figures(scenario.Policy(name))
			if f == nil || f.Regret == nil {
				continue
			}
			// Rows of dots a little apart, so that they do not hide each other.
			offset := float64(k%5-2) * 3
			out[i].Dots = append(out[i].Dots, dot{
				place(*f.Regret), out[i].Y + offset,
				entries[k].Scenario + " " + judgement.Ratio(*f.Regret), level(*f.Regret),
			})
		}
	}
	return out
}
