package judgement

import (
	"errors"
	"fmt"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Begin and End are the lines between which a document has what [Markdown]
// writes.
const (
	Begin = "<!-- judge: begin -->"
	End   = "<!-- judge: end -->"
)

// columns are the policies that a document compares.
func columns() []scenario.Policy {
	return []scenario.Policy{
		scenario.PolicyEqual, scenario.PolicyA58, scenario.PolicyAgentCheck, scenario.PolicyORCA,
		scenario.PolicyTrimtab, scenario.PolicyTrimtabNoReports,
	}
}

// notable is the share of errors from which on a table tells it beside a regret.
const notable = 0.005

// Markdown is a table of all entries behind their own proxies, of which there is
// at least one; those drawn are two lines, the median and the worst.
func Markdown(entries []Entry) string {
	var b strings.Builder
	b.WriteString(Heading(where(entries, own)) + ".\n\n")
	b.WriteString("| scenario | proxy | omniscient p99 ms |")
	for _, p := range columns() {
		fmt.Fprintf(&b, " %s |", p)
	}
	b.WriteString("\n|" + strings.Repeat("---|", 3+len(columns())) + "\n")
	var listed, drawn []Entry
	for _, e := range entries {
		switch {
		case e.Instead:
		case e.Drawn:
			drawn = append(drawn, e)
		default:
			listed = append(listed, e)
			fmt.Fprintf(&b, "| %s | %s | %s |", e.Scenario, e.Proxy, p99(e.Figures(scenario.PolicyOmniscient)))
			for _, p := range columns() {
				fmt.Fprintf(&b, " %s |", regretCell(e.Figures(p)))
			}
			b.WriteString("\n")
		}
	}
	b.WriteString(totals(fmt.Sprintf("these %d", len(listed)), listed))
	if len(drawn) > 0 {
		b.WriteString(totals(fmt.Sprintf("%d drawn at random", len(drawn)), drawn))
	}
	return b.String()
}

func totals(what string, entries []Entry) string {
	var b strings.Builder
	for _, row := range []struct {
		name string
		of   func([]measured) float64
	}{{"median", medianOf}, {"worst", worstOf}} {
		fmt.Fprintf(&b, "| **%s, %s** | | |", row.name, what)
		for _, p := range columns() {
			all := regrets(entries, p)
			if len(all) == 0 {
				b.WriteString(" – |")
				continue
			}
			fmt.Fprintf(&b, " **%s** |", Ratio(row.of(all)))
		}
		b.WriteString("\n")
	}
	return b.String()
}

func p99(f *simulate.Figures) string {
	if f == nil {
		return "–"
	}
	return fmt.Sprintf("%.3g", f.P99)
}

func regretCell(f *simulate.Figures) string {
	if f == nil || f.Regret == nil {
		return "–"
	}
	out := Ratio(*f.Regret)
	if f.Errors >= notable {
		out += " (" + percent(f.Errors) + " errors)"
	}
	return out
}

// Replace puts a table between the markers of a document.
func Replace(document, table string) (string, error) {
	before, rest, begun := strings.Cut(document, Begin+"\n")
	_, after, ended := strings.Cut(rest, End)
	if !begun || !ended {
		return "", errors.New("the document does not have the lines " + Begin + " and " + End)
	}
	return before + Begin + "\n" + table + End + after, nil
}
