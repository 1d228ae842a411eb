package sensitivity

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Allowed is the relative change of p99, beyond noise, up to which a constant is
// not sensitive.
const Allowed = 0.05

// WriteTable writes a line for each change of each constant that made a difference.
func (r *Result) WriteTable(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%d constants halved and doubled in %d rows: a law in a scenario behind a proxy.\n"+
		"p99 is its change against the defaults' on the same requests, median over the seeds (of connections only, the imbalance's),\n"+
		"in the row where it exceeds the noise most; noise is the largest change there by constants that are a per cent off.\n"+
		"Beyond %.0f %% and noise it is SENSITIVE. median is of the changes in all rows, without their signs, and errors the\n"+
		"largest change of the share of errors in any row, in points.\n\n",
		len(r.Names), len(r.Rows), 100*Allowed)
	fmt.Fprintln(out, "constant\tvalue\t\tp99\tnoise\t\trow\tmedian\terrors\tacted in")
	var idle []string
	for _, s := range r.Summaries() {
		change := "×" + formatNumber(s.Factor)
		if s.Worst == nil {
			idle = append(idle, s.Constant+" "+change)
			continue
		}
		verdict := ""
		if s.Beyond() > Allowed {
			verdict = "SENSITIVE"
		}
		fmt.Fprintf(out, "%s\t%s\t%s\t%s %%\t%.1f %%\t%s\t%s\t%.1f %%\t%s\t%d of %d\n", s.Constant, text(s.Constant), change,
			signed(s.P99), 100*s.Worst.Noise, verdict, s.Worst.Name(), 100*s.Median, signed(s.Errors), s.Acted, len(r.Rows))
	}
	if err := out.Flush(); err != nil || len(idle) == 0 {
		return err
	}
	_, err := fmt.Fprintf(w, "\nWithout any effect here: %s.\n", strings.Join(idle, ", "))
	return err
}

// Name is the row's scenario, proxy and law.
func (r *Row) Name() string { return r.Scenario + " " + r.Proxy + " " + r.Policy }

// signed is a part in per cent; what is rounded to nothing has no sign.
func signed(part float64) string {
	percent := math.Round(1000*part) / 10
	if percent == 0 {
		return "0.0"
	}
	return fmt.Sprintf("%+.1f", percent)
}

func formatNumber(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }
