package status

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// nodes writes a row for each client, and what is wrong with it below.
func (t table) nodes(x *XDS) {
	t.paragraph("", indent, printable.Line(fmt.Sprintf("xDS on %s: %s", x.Listen, count(len(x.Nodes), "client"))))
	if len(x.Nodes) == 0 {
		return
	}
	header := []string{"NODE", "CLUSTER", "VIEW", "CLIENT", "PEER", "CONNECTED", "LOAD REPORT"}
	rows := [][]string{header}
	for _, n := range x.Nodes {
		reported := seconds(n.LoadReportAgeSeconds)
		if n.LoadReportAgeSeconds.Known() {
			reported += " ago"
		}
		rows = append(rows, []string{
			printable.Line(n.ID), printable.Line(n.Cluster), n.View, printable.Line(n.UserAgent), printable.Line(n.Peer), connected(n.ConnectedSeconds), reported,
		})
	}
	widths := make([]int, len(header))
	total := 0
	for column := range header {
		for _, row := range rows {
			widths[column] = max(widths[column], ansi.StringWidth(row[column]))
		}
		total += widths[column] + len(gap)
	}
	beside := t.width <= 0 || t.width-total >= minReason
	for i, row := range rows {
		for column, cell := range row {
			row[column] = cell + strings.Repeat(" ", widths[column]-ansi.StringWidth(cell))
		}
		figures, watched := strings.Join(row, gap), "WATCHES"
		if i > 0 {
			watched = watches(x.Nodes[i-1].Types)
		}
		switch {
		case beside:
			t.paragraph(figures+gap, strings.Repeat(" ", total), watched)
		case i == 0:
			fmt.Fprintln(t.out, strings.TrimRight(figures, " "))
		default:
			fmt.Fprintln(t.out, strings.TrimRight(figures, " "))
			t.paragraph(indent, indent, watched)
		}
		if i > 0 {
			t.more(&x.Nodes[i-1])
		}
	}
}

// more is what few clients have.
func (t table) more(n *Node) {
	if n.Identity != "" {
		t.paragraph(indent, indent, printable.Line("certificate of "+n.Identity))
	}
	if n.LoadReportUnattributed > 0 {
		t.paragraph(indent, indent, fmt.Sprintf("its load report tells nothing of the backends of %s: it sums up zones, or reports other addresses than it is sent",
			count(n.LoadReportUnattributed, "cluster")))
	}
	for _, k := range n.Types {
		if k.Nack != nil {
			t.paragraph(indent, indent, printable.Line(fmt.Sprintf("REJECTS %s version %s since %s UTC: %s",
				k.Type, k.Nack.Version, k.Nack.At.UTC().Format(time.DateTime), k.Nack.Error)))
		}
	}
}

// watches sums up the streams of a type: an Envoy without ADS has one for each
// cluster.
func watches(types []NodeType) string {
	type sum struct {
		names, behind int
		all           bool
	}
	sums := map[string]*sum{}
	var order []string
	for _, t := range types {
		key := t.Protocol + " " + t.Type
		s := sums[key]
		if s == nil {
			s = &sum{}
			sums[key] = s
			order = append(order, key)
		}
		s.names += t.Subscribed
		s.all = s.all || t.Wildcard
		if t.Due || t.Nack != nil {
			s.behind++
		}
	}
	protocols := map[string][]string{}
	for _, key := range order {
		protocol, kind, _ := strings.Cut(key, " ")
		s := sums[key]
		what := fmt.Sprint(s.names)
		if s.all {
			what = "*"
		}
		if s.behind > 0 {
			what += " (newest not acknowledged)"
		}
		protocols[protocol] = append(protocols[protocol], kind+" "+what)
	}
	var out []string
	for _, protocol := range slices.Sorted(maps.Keys(protocols)) {
		out = append(out, protocol+": "+strings.Join(protocols[protocol], ", "))
	}
	return cmp.Or(strings.Join(out, "; "), "nothing")
}

// connected needs no more than two units to say how long.
func connected(n Number) string {
	if !n.Known() {
		return unknown
	}
	d := time.Duration(float64(n) * float64(time.Second))
	switch {
	case d < time.Minute:
		return d.Truncate(time.Second).String()
	case d < 24*time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	default:
		return fmt.Sprintf("%dd%dh", int(d/(24*time.Hour)), int(d%(24*time.Hour)/time.Hour))
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
