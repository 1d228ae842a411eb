package recording

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// unknown is how a value looks that there is none of.
const unknown = "-"

// WriteTable writes the outcome for people: what the two are, a row for each change,
// where the backends have come to, and how far the two agree.
func (o *Outcome) WriteTable(w io.Writer) error {
	// Errors stay in the writer until it is flushed.
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(out, "%s\n%s\n", o.recordedWords(), o.replayedWords())
	if !o.FromStart {
		fmt.Fprintln(out, "It began while the pool ran: the replay starts from what was learned by then, without what was averaged.\n"+
			"Weights differ by up to some 20 % for that alone; a replay without other settings shows by how much.")
	}
	if o.Lost > 0 {
		fmt.Fprintf(out, "%d lines were lost while recording: the replay knows less than the pool did.\n", o.Lost)
	}
	if o.Ended == "" {
		fmt.Fprintln(out, "The recording has no end: it was cut off.")
	}
	if len(o.Changes) > 0 {
		fmt.Fprintln(out, "\nTIME\tSERVER\tREPLAYED\tRECORDED\tWHY (REPLAYED)")
	}
	for i := range o.Changes {
		c := &o.Changes[i]
		name := unknown
		if c.Backend != "" {
			name = printable.Line(c.Backend)
		}
		row(out, clock(&c.At), name, c.Replayed.words(), c.Recorded.words(), printable.Line(c.Why))
	}
	if len(o.Backends) > 0 {
		fmt.Fprintln(out, "\nSERVER\tREPLAYED\tRECORDED\tAPART AT MOST\tAT")
	}
	for i := range o.Backends {
		b := &o.Backends[i]
		row(out, printable.Line(b.Name), decimal(b.Replayed), decimal(b.Recorded), decimal(number(b.Apart)), clock(b.ApartAt))
	}
	fmt.Fprintf(out, "\nmoves per minute: %s replayed, %s recorded\n", rate(o.Replayed.MovesPerMinute), rate(o.Recorded.MovesPerMinute))
	fmt.Fprintf(out, "plans as recorded: %d of %d to the last bit", o.Same, o.Plans)
	if o.FirstDifference != nil {
		fmt.Fprintf(out, ", the first other one at %s", clock(o.FirstDifference))
	}
	fmt.Fprintf(out, "; %d with the same states and every weight within 1 %%\n", o.Alike)
	if err := out.Flush(); err != nil {
		return fmt.Errorf("write replay: %w", err)
	}
	return nil
}

func row(w io.Writer, cells ...string) { fmt.Fprintln(w, strings.Join(cells, "\t")) }

func (o *Outcome) recordedWords() string {
	return printable.Line(fmt.Sprintf("pool %s: recorded %s for %.0f s by trimtab %s, %s: %d reports, %d plans",
		o.Pool, o.At.Local().Format(time.DateTime), o.Seconds, o.Program, o.Recorded.words(), o.Reports, o.Plans))
}

func (o *Outcome) replayedWords() string {
	words := "replayed with " + o.Replayed.words()
	if len(o.Settings) > 0 {
		words += ", " + strings.Join(o.Settings, ", ")
	}
	return printable.Line(words)
}

func (s *Side) words() string {
	switch s.Law {
	case "", s.Configured:
		return "law " + s.Configured
	default:
		return "law " + s.Configured + " (at the end " + s.Law + ")"
	}
}

// words is what was and is, once where that is the same.
func (m *Move) words() string {
	if m.Law != "" {
		if m.WasLaw == m.Law || m.WasLaw == "" {
			return "law " + m.Law
		}
		return "law " + m.WasLaw + " → " + m.Law
	}
	was, is := decimal(m.Was), decimal(m.Is)
	if m.WasState != m.State {
		was, is = was+" "+printable.Line(m.WasState), is+" "+printable.Line(m.State)
	}
	if was == is {
		return is
	}
	return was + " → " + is
}

func decimal(n number) string {
	if math.IsNaN(float64(n)) {
		return unknown
	}
	return strconv.FormatFloat(float64(n), 'f', 2, 64)
}

func rate(n number) string {
	if math.IsNaN(float64(n)) {
		return unknown
	}
	return strconv.FormatFloat(float64(n), 'f', 1, 64)
}

func clock(at *time.Time) string {
	if at == nil {
		return unknown
	}
	return at.Local().Format(time.TimeOnly)
}
