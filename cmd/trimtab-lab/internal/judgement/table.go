package judgement

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// WriteTable writes a line for each entry, the median and the worst of all under
// them, and below that how connections were spread, how long weights took to follow,
// who could not run, and what does not count.
func WriteTable(w io.Writer, entries []Entry) error {
	if len(entries) == 0 {
		return nil
	}
	names := Policies(entries)
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s.\n"+
		"p99 in ms and regret: p99 over omniscient's; of pools of connections only, imbalance over omniscient's.\n"+
		"Behind e, errors; behind /, weight changes per backend and minute.\n\n", Heading(entries))
	fmt.Fprintf(out, "scenario\tproxy\t%s\n", strings.Join(names, "\t"))
	for i := range entries {
		e := &entries[i]
		fmt.Fprintf(out, "%s\t%s", e.Scenario, e.Proxy)
		for _, name := range names {
			fmt.Fprintf(out, "\t%s", cell(e.Figures(scenario.Policy(name))))
		}
		fmt.Fprintln(out)
	}
	summaryRow(out, "median regret", entries, names, median)
	summaryRow(out, "worst regret", entries, names, slices.Max)
	if err := out.Flush(); err != nil {
		return err
	}
	return writeNotes(w, entries, names)
}

// Heading says how much was judged. There is at least one entry.
func Heading(entries []Entry) string {
	n, seeds := len(entries), entries[0].Seeds
	out := fmt.Sprintf("%d scenarios", n)
	if n == 1 {
		out = "1 scenario"
	}
	if Real(entries) {
		out += " on real proxies"
	}
	if seeds == 1 {
		return out + ", one seed"
	}
	return fmt.Sprintf("%s, medians over %d seeds", out, seeds)
}

// Real is that something was not simulated.
func Real(entries []Entry) bool {
	return slices.ContainsFunc(entries, func(e Entry) bool { return e.Run != simulated })
}

// simulated is the run of a [simulate.Summary] that is no real one.
const simulated = "simulate"

func summaryRow(w io.Writer, what string, entries []Entry, names []string, of func([]float64) float64) {
	fmt.Fprintf(w, "%s\t", what)
	for _, name := range names {
		var regrets []float64
		for i := range entries {
			if r, ok := entries[i].regret(scenario.Policy(name)); ok {
				regrets = append(regrets, r)
			}
		}
		if len(regrets) == 0 {
			fmt.Fprint(w, "\tn/a")
			continue
		}
		fmt.Fprintf(w, "\t%s", Ratio(of(regrets)))
	}
	fmt.Fprintln(w)
}

func cell(f *simulate.Figures) string {
	if f == nil {
		return "n/a"
	}
	out := fmt.Sprintf("%.4g", f.P99)
	if f.Regret != nil {
		out += " " + Ratio(*f.Regret)
	}
	if f.Errors >= leastShown {
		out += " e" + percent(f.Errors)
	}
	if f.WeightChanges >= leastChanges {
		out += fmt.Sprintf(" /%.1f", f.WeightChanges)
	}
	return out
}

const (
	// leastShown is the share of errors, leastChanges the rate of weight changes,
	// from which on it is not rounded to nothing.
	leastShown   = 0.0005
	leastChanges = 0.05
)

func percent(share float64) string { return fmt.Sprintf("%.1f%%", 100*share) }

// Ratio has as many digits as say something.
func Ratio(r float64) string {
	if r < 10 {
		return fmt.Sprintf("%.2f", r)
	}
	return fmt.Sprintf("%.3g", r)
}
