package status

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
	"github.com/trimtab-lb/trimtab/scorer"
)

// TableOptions say how a table is drawn.
type TableOptions struct {
	// Width is the terminal's, in columns; 0 does not wrap.
	Width int
}

const (
	gap = "  "
	// minReason is the least room in which a reason reads well beside the
	// figures; with less it goes on a line of its own.
	minReason = 24
	indent    = "    "
)

func header() []string {
	return []string{"SERVER", "STATE", "WEIGHT NOW", "WANTED", "APPLIED", "SCORE", "IN-FLIGHT", "RATE/S", "MEAN TIME"}
}

// WriteTable writes the document for people: for each pool a line, its advice,
// a row for each backend, and its targets; then the clients of the xDS server.
func (d Document) WriteTable(w io.Writer, o TableOptions) error {
	out := bufio.NewWriter(w)
	if c := d.Config; c != nil && !c.LastReloadOK {
		fmt.Fprintf(out, "the last reload of the configuration FAILED, %s stays in force:\n", c.Hash)
		for line := range strings.Lines(c.LastError) {
			table{out, o.Width}.paragraph(indent, indent, printable.Line(line))
		}
		fmt.Fprintln(out)
	}
	if len(d.Pools) == 0 {
		fmt.Fprintln(out, "no pools")
	}
	for i, p := range d.Pools {
		if i > 0 {
			fmt.Fprintln(out)
		}
		t := table{out, o.Width}
		t.head(p)
		t.backends(p)
		t.targets(p)
	}
	if d.XDS != nil {
		fmt.Fprintln(out)
		table{out, o.Width}.nodes(d.XDS)
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write status table: %w", err)
	}
	return nil
}

// table writes one pool. Errors stay in the writer until it is flushed.
type table struct {
	out   *bufio.Writer
	width int
}

func (t table) head(p Pool) {
	if p.Tick == 0 {
		t.paragraph("", "", printable.Line(fmt.Sprintf("pool %s: %s, no step so far", p.Name, p.Mode)))
		return
	}
	line := fmt.Sprintf("pool %s: %s, law %s", p.Name, p.Mode, p.Law)
	if p.LawWhy != "" {
		line += " (" + p.LawWhy + ")"
	}
	line += fmt.Sprintf(", imbalance %s, tick %d", decimal(p.Imbalance, 2), p.Tick)
	t.paragraph("", "", printable.Line(line))
	if o := p.Orders.Frozen; o != nil {
		t.paragraph("", "        ", printable.Line("frozen "+o.String()+since(*o)))
	}
	if o := p.Orders.DryRun; o != nil {
		t.paragraph("", "        ", printable.Line("dry-run "+onOff(o.On)+" "+o.String()+since(o.Order)))
	}
	if p.Scale != nil {
		t.paragraph("", "        ", printable.Line(ScaleLine(p.Scale)))
	}
	if p.Shedding != nil {
		t.paragraph("", "        ", printable.Line(ShedLine(p.Shedding)))
	}
	if e := p.Envoy; e != nil {
		line := fmt.Sprintf("cluster %s: %s, %s", e.Cluster, e.Discovery, e.Policy)
		if e.ActiveRequestBias.Known() {
			line += fmt.Sprintf(" with active_request_bias %g", float64(e.ActiveRequestBias))
		}
		t.paragraph("", "        ", printable.Line(line))
	}
	if p.Advice != "" {
		t.paragraph("", "        ", "advice: "+printable.Line(p.Advice))
	}
}

func since(o scorer.Order) string {
	if o.At.IsZero() {
		return ""
	}
	return ", since " + o.At.UTC().Format(time.DateTime) + " UTC"
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func (t table) backends(p Pool) {
	if len(p.Backends) == 0 {
		fmt.Fprintln(t.out, "no backends")
		return
	}
	header := header()
	if p.Envoy != nil {
		header = append(header, "TO SEND")
	}
	rows := [][]string{header}
	for _, b := range p.Backends {
		rows = append(rows, []string{
			printable.Line(b.Name), b.State, decimal(b.WeightNow, 2), decimal(b.Weight, 2), applied(b, p.Targets),
			decimal(b.Score, 2), amount(b.InFlight), amount(b.RPS), seconds(b.LatencySeconds),
		})
		if p.Envoy != nil {
			send := unknown
			if weight, ok := p.Envoy.Send[b.Name]; ok {
				send = strconv.Itoa(weight)
			}
			rows[len(rows)-1] = append(rows[len(rows)-1], send)
		}
	}
	widths := make([]int, len(header))
	total := 0
	for column := range header {
		for _, row := range rows {
			widths[column] = max(widths[column], ansi.StringWidth(row[column]))
		}
		total += widths[column] + len(gap)
	}
	room := t.width - total
	beside := t.width <= 0 || room >= minReason
	for i, row := range rows {
		figures := align(row, widths)
		why := "WHY"
		if i > 0 {
			why = reason(p.Backends[i-1])
		}
		if beside {
			t.paragraph(figures+gap, strings.Repeat(" ", total), why)
			continue
		}
		fmt.Fprintln(t.out, strings.TrimRight(figures, " "))
		if i > 0 && why != "" {
			t.paragraph(indent, indent, why)
		}
	}
}

// align puts names and states to the left and figures to the right.
func align(row []string, widths []int) string {
	cells := make([]string, len(row))
	for i, cell := range row {
		pad := strings.Repeat(" ", widths[i]-ansi.StringWidth(cell))
		if cells[i] = cell + pad; i >= 2 {
			cells[i] = pad + cell
		}
	}
	return strings.Join(cells, gap)
}

func (t table) targets(p Pool) {
	for _, target := range p.Targets {
		state := "in sync"
		if !target.InSync {
			state = "NOT in sync"
		}
		if target.LastError != "" {
			state += ": " + strings.ReplaceAll(target.LastError, target.Name+": ", "")
		}
		if target.LastApplyMS > 0 { // else it was only looked at
			state += ", last apply took " + seconds(Number(target.LastApplyMS/1000))
		}
		t.paragraph("", indent, printable.Line("target "+target.Name+": "+state))
		for _, warning := range target.Warnings {
			t.paragraph("", indent, "warning: "+printable.Line(warning))
		}
	}
	for _, source := range p.Sources {
		if source.LastError != "" {
			t.paragraph("", indent, printable.Line("source "+source.Name+": "+source.LastError))
		}
	}
}

// paragraph writes text after first, and what does not fit on lines after rest,
// which is as wide.
func (t table) paragraph(first, rest, text string) {
	if room := t.width - ansi.StringWidth(rest); t.width > 0 && room > 0 {
		text = ansi.Wrap(text, room, "")
	}
	for i, line := range strings.Split(text, "\n") {
		start := rest
		if i == 0 {
			start = first
		}
		fmt.Fprintln(t.out, strings.TrimRight(start+line, " "))
	}
}
