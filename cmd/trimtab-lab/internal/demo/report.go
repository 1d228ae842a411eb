package demo

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Write writes the result as a person reads it.
func (r Result) Write(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(cells ...string) { _, _ = fmt.Fprintln(w, strings.Join(cells, "\t")+"\t") }
	line("weights", "p50 ms", "p99 ms", "p99.9 ms", "errors", "imbalance", r.Proxy.title()+"'s weights", "sent late p99 ms", "max", "answers late p99 ms", r.Proxy.title()+" cores")
	for _, s := range r.Stacks {
		line(s.Name, fmt.Sprintf("%.1f", s.P50), fmt.Sprintf("%.1f", s.P99), fmt.Sprintf("%.1f", s.P999),
			fmt.Sprint(s.Errors), fmt.Sprintf("%.2f", s.Imbalance), strings.Trim(fmt.Sprint(s.Weights), "[]"),
			fmt.Sprintf("%.2f", s.SendLateP99), fmt.Sprintf("%.2f", s.SendLateMax), fmt.Sprintf("%.2f", s.CompletionLateP99), cores3(s.ProxyCPU))
	}
	line()
	line("one backend fails", fmt.Sprintf("errors after %.0f s", r.Failure.Grace), "errors in all", "out after s", "back after s", "sent late p99 ms")
	for _, s := range r.Failure.Stacks {
		line(s.Name, fmt.Sprintf("%.2f %%", 100*s.ErrorShare), fmt.Sprint(s.Errors), orNever(s.Ejected), orNever(s.Returned), fmt.Sprintf("%.2f", s.SendLateP99))
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	_, err := fmt.Fprintln(out, r.verdict())
	return err
}

func (r Result) verdict() string {
	var b strings.Builder
	b.WriteString("\n")
	for _, ratio := range r.Ratios {
		fmt.Fprintf(&b, "%s: %.3f, to be at most %.2f: %s\n", ratio.Name, ratio.Value, ratio.Target, yesNo(ratio.Met, "reached", "MISSED"))
	}
	for _, s := range r.Failure.Stacks {
		if s.Name == Trimtab {
			fmt.Fprintf(&b, "errors of %s after %.0f s of failure: %.2f %%, to be at most %.0f %%: %s\n",
				s.Name, r.Failure.Grace, 100*s.ErrorShare, 100*r.Failure.Target, yesNo(r.Failure.Met, "reached", "MISSED"))
		}
	}
	fmt.Fprintf(&b, "%s: first act measured %d×, second %d×; requests may be sent %s ms late at p99; %s; lab %s, trimtab %s cores\n",
		yesNo(r.Valid && r.Failure.Valid, "valid", "INVALID, so nothing above counts"),
		r.Attempts, r.Failure.Attempts, r.limit(), r.Scheduling, cores3(r.LabCPU), cores3(r.TrimCPU))
	return b.String()
}

func (r Result) limit() string {
	if len(r.Stacks) == 0 {
		return "?"
	}
	return fmt.Sprintf("%.1f", r.Stacks[0].SendLateLimit)
}

func yesNo(is bool, yes, no string) string {
	if is {
		return yes
	}
	return no
}

func orNever(v *float64) string {
	if v == nil {
		return "never"
	}
	return fmt.Sprintf("%.1f", *v)
}

func cores3(v *float64) string {
	if v == nil {
		return "?"
	}
	return fmt.Sprintf("%.3f", *v)
}
