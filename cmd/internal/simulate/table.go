package simulate

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// WriteTable writes verdicts as text, a line for each scenario and proxy:
// the oracle's p99 in ms, and for each policy the median of p99 over the
// oracle's, the worst seed in brackets, errors where there are any, and pushes
// per minute and backend after a slash.
func WriteTable(w io.Writer, verdicts []Verdict) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(out, "scenario\talgorithm\toracle ms")
	for i := range verdicts {
		if !sameLine(&verdicts[0], &verdicts[i]) {
			break
		}
		fmt.Fprintf(out, "\t%s", verdicts[i].Policy)
	}
	for i := range verdicts {
		v := &verdicts[i]
		if i == 0 || !sameLine(v, &verdicts[i-1]) {
			oracle := Verdict{Results: v.Oracle}
			fmt.Fprintf(out, "\n%s\t%s\t%.4g", v.Scenario, v.behind(), milliseconds(oracle.P99()))
			if e := oracle.Errors(); e > 0 {
				fmt.Fprintf(out, " e%.1f%%", 100*e)
			}
		}
		fmt.Fprintf(out, "\t%s", v)
	}
	fmt.Fprintln(out)
	return out.Flush()
}

func sameLine(a, b *Verdict) bool {
	return a.Scenario == b.Scenario && a.behind() == b.behind()
}

// String is one cell of the table.
func (v *Verdict) String() string {
	if v.NotApplicable != "" {
		return "n/a"
	}
	cell := fmt.Sprintf("%s (%s)", ratio(v.Median()), ratio(v.Worst()))
	if e := v.Errors(); e > 0 {
		cell += fmt.Sprintf(" e%.1f%%", 100*e)
	}
	if p := v.PushRate(); p > 0 {
		cell += fmt.Sprintf(" /%.1f", p)
	}
	return cell
}

func ratio(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.3f", r)
	}
	return fmt.Sprintf("%.3g", r)
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
