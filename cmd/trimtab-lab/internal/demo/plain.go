package demo

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// plainPeriod is how often Plain writes a line.
const plainPeriod = 5 * time.Second

// Plain is a display for anything that is no terminal: a few lines every few
// seconds. Writing errors are not its concern.
type Plain struct {
	out  io.Writer
	next time.Duration
}

// NewPlain writes to out.
func NewPlain(out io.Writer) *Plain { return &Plain{out: out} }

// Show writes the view if it is time.
func (p *Plain) Show(v View) {
	if v.Elapsed < p.next {
		return
	}
	p.next = v.Elapsed.Truncate(plainPeriod) + plainPeriod
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %3.0f %%, %s left  %s\n", clock(v.Elapsed), 100*v.Done(), clock(v.Left), v.Act)
	for _, s := range v.Stacks {
		fmt.Fprintf(&b, "      %-10s p50 %6.1f ms  p99 %6.1f ms  %4.0f req/s  %3.0f errors/s\n",
			s.Name, ms(s.P50), ms(s.P99), s.Rate, s.ErrorRate)
	}
	b.WriteString("      weights ")
	for _, s := range v.Backends {
		weight := strconv.Itoa(s.Weight)
		if s.Out {
			weight = "out"
		}
		fmt.Fprintf(&b, " %s:%s", s.Name, weight)
	}
	b.WriteString("  utilization ")
	for _, s := range v.Backends {
		fmt.Fprintf(&b, " %.2f", s.Utilization)
	}
	_, _ = fmt.Fprintln(p.out, b.String())
}

// Note writes the line.
func (p *Plain) Note(text string) { _, _ = fmt.Fprintln(p.out, text) }
