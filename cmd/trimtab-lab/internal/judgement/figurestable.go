package judgement

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"
)

// worstListed is how many of the worst scenarios are named for each proxy.
const worstListed = 5

// WriteFigures writes what is asked beside what was measured, and after it where
// trimtab is worst.
func WriteFigures(w io.Writer, entries []Entry) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "figure\tasked\tmeasured\t\tscenario")
	for _, f := range Figures(entries) {
		asked, reached, verdict := f.Texts()
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\n", f.What, asked, reached, verdict, f.Where)
	}
	fmt.Fprintln(out, "\nbehind\tpolicy\tworst regrets")
	for _, worst := range Worst(entries, worstListed) {
		fmt.Fprintf(out, "%s\t%s\t%s\n", worst.Behind, worst.Policy, strings.Join(worst.Worst, ", "))
	}
	return out.Flush()
}

// Texts are what is asked and what was measured, and the verdict: met, MISSED,
// or nothing where there is none.
func (f Figure) Texts() (asked, measured, verdict string) {
	asked, measured = "≤ "+f.text(f.Asked), f.text(f.Measured)
	switch {
	case math.IsNaN(f.Asked):
		return "–", measured, ""
	case math.IsNaN(f.Measured):
		return asked, measured, ""
	case f.Met():
		return asked, measured, "met"
	default:
		return asked, measured, "MISSED"
	}
}

func (f Figure) text(value float64) string {
	switch {
	case math.IsNaN(value):
		return "not judged"
	case math.IsInf(value, 1):
		return "never"
	case f.Unit == "x":
		return fmt.Sprintf("%.3f", value)
	case f.Unit == "%":
		return fmt.Sprintf("%.2f %%", value)
	case f.Unit == "s":
		return fmt.Sprintf("%.3g s", value)
	default:
		return fmt.Sprintf("%.2f", value)
	}
}
