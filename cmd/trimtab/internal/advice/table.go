package advice

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/charmbracelet/x/ansi"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// indent is what hangs below a line that is too long.
const indent = "    "

// WriteTable writes the advice for people, in lines of at most that width; 0 does not
// wrap.
func (a *Advice) WriteTable(w io.Writer, width int) error {
	var out bytes.Buffer
	for i := range a.Parts {
		if i > 0 {
			fmt.Fprintln(&out)
		}
		part := &a.Parts[i]
		paragraph(&out, width, "", fmt.Sprintf("pool %s: %s, %s in force", a.Pool, strings.Join(part.Targets, ", "), part.InForce.words()))
		if len(part.Plays) > 0 {
			fmt.Fprintln(&out)
			if err := part.rows(&out); err != nil {
				return fmt.Errorf("write advice: %w", err)
			}
		}
		fmt.Fprintln(&out)
		paragraph(&out, width, "", part.Says)
		list(&out, 0, "to apply it:", part.Apply) // to be copied: no line is broken
		list(&out, width, "assumed:", part.Assumptions)
		list(&out, width, "not known:", part.NotKnown)
	}
	if _, err := w.Write(out.Bytes()); err != nil {
		return fmt.Errorf("write advice: %w", err)
	}
	return nil
}

// rows are the candidates, with the figures of the middle utilization and the gains at
// all of them.
func (p *Part) rows(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	middle := p.Plays[len(p.Plays)/2]
	head := "ALGORITHM\tWEIGHTS\tP50 MS\tP99 MS\tMEAN MS"
	for _, play := range p.Plays {
		if len(p.Plays) == 1 {
			head += "\tGAIN OF P99"
		} else {
			head += fmt.Sprintf("\tGAIN AT %.0f %%", 100*play.Utilization)
		}
	}
	fmt.Fprintln(out, head)
	for k := range middle.Rows {
		r := &middle.Rows[k]
		line := fmt.Sprintf("%s\t%s\t%s", r.Algorithm, r.Weights, r.figures())
		for _, play := range p.Plays {
			line += "\t" + play.Rows[k].gain()
		}
		fmt.Fprintln(out, line)
	}
	return out.Flush()
}

func (r *Row) figures() string {
	if r.Overloads {
		return "overloads\ta server\t"
	}
	return fmt.Sprintf("%.3g\t%.3g\t%.3g", r.P50, r.P99, r.Mean)
}

// gain is a row's, and its seeds'.
func (r *Row) gain() string {
	switch {
	case r.InForce:
		return "in force"
	case r.Gain == nil:
		return "-"
	case r.Overloads:
		return "overloads"
	}
	if len(r.p99) < 2 {
		return percent(*r.Gain)
	}
	return fmt.Sprintf("%s (%s to %s)", percent(*r.Gain), percent(*r.GainLeast), percent(*r.GainMost))
}

func list(w io.Writer, width int, head string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", head)
	for _, line := range lines {
		paragraph(w, width, "  ", line)
	}
}

// paragraph writes text after first, and what does not fit on lines of its own.
func paragraph(w io.Writer, width int, first, text string) {
	text = printable.Line(text)
	if room := width - len(first) - len(indent); width > 0 && room > 0 {
		text = ansi.Wrap(text, room, "")
	}
	fmt.Fprintln(w, first+strings.ReplaceAll(text, "\n", "\n"+first+indent))
}
