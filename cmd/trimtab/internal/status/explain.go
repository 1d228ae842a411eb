package status

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// WriteExplanation writes for people what the decisions on a pool's backends are made
// of.
func (p Pool) WriteExplanation(w io.Writer, o TableOptions) error {
	t := table{bufio.NewWriter(w), o.Width}
	t.head(p)
	for _, b := range p.Backends {
		t.paragraph("", indent, printable.Line(fmt.Sprintf("%s: %s, weight %s, in force %s", b.Name, b.State, decimal(b.Weight, 2), decimal(b.WeightNow, 2))))
		t.paragraph(indent, indent, printable.Line("why: "+b.Why))
		if len(b.Terms) > 0 {
			t.paragraph(indent, indent, printable.Line("score "+scoreOf(b)))
		}
		if b.Goal.Known() {
			t.paragraph(indent, indent, fmt.Sprintf("connections: %s, its part of all is %s", amount(b.InFlight), amount(b.Goal)))
		}
		if b.Drain != nil {
			t.paragraph(indent, indent, printable.Line("drain: "+DrainLine(b.Drain)))
		}
		if s := b.Shed; s != nil {
			t.paragraph(indent, indent, printable.Line(shedText(s)))
		}
	}
	if err := t.out.Flush(); err != nil {
		return fmt.Errorf("write explanation: %w", err)
	}
	return nil
}

// scoreOf reads: 1.07 = (1 × connections 1.10 + 1 × cpu 1.04) / 2; connections 81, cpu 0.61.
func scoreOf(b Backend) string {
	var sum float64
	var products, values []string
	for _, term := range b.Terms {
		values = append(values, term.Signal+" "+amountOrShare(term))
		if !term.Multiple.Known() {
			continue
		}
		sum += term.Coefficient
		products = append(products, fmt.Sprintf("%g × %s %s", term.Coefficient, term.Signal, decimal(term.Multiple, 2)))
	}
	out := decimal(b.Score, 2)
	if len(products) > 0 {
		out += fmt.Sprintf(" = (%s) / %g, each per capacity as a multiple of the pool's", strings.Join(products, " + "), sum)
	}
	return out + "; " + strings.Join(values, ", ")
}

func amountOrShare(t Term) string {
	if !t.Value.Known() {
		return "not reported"
	}
	if t.Signal == "connections" {
		return amount(t.Value)
	}
	return decimal(t.Value, 2)
}

func shedText(s *Shed) string {
	out := fmt.Sprintf("shed: %d asked to reconnect since the start", s.Closed)
	if s.Count > 0 {
		out += fmt.Sprintf(", %d now", s.Count)
	}
	if s.Why != "" {
		out += ": " + s.Why
	}
	if s.LastError != "" {
		out += "; " + s.LastError
	}
	return out
}
