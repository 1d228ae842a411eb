package xdsclient

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// WriteTable writes a row for each resource and each endpoint, and what the node
// refuses of them.
func (d Dump) WriteTable(w io.Writer) error {
	var text strings.Builder
	out := tabwriter.NewWriter(&text, 0, 8, 2, ' ', 0)
	row := func(cells ...any) { fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", cells...) }
	row("TYPE", "NAME", "VERSION", "ADDRESS", "WEIGHT", "SHARE", "HEALTH")
	for _, all := range d.resources {
		for _, r := range all.list {
			kind, name, version := all.kind.String(), printable.Text(r.name), printable.Text(r.version)
			assignment, ok := r.message.(*endpointv3.ClusterLoadAssignment)
			if !ok {
				row(kind, name, version, "", "", "", "")
				continue
			}
			list := endpointsOf(assignment)
			if len(list) == 0 {
				row(kind, name, version, "no endpoints", "", "", "")
			}
			for _, e := range list {
				share := "-"
				if e.usable {
					share = fmt.Sprintf("%.1f %%", 100*e.share)
				}
				row(kind, name, version, printable.Text(e.address), fmt.Sprint(e.weight), share, e.health)
				kind, name, version = "", "", ""
			}
		}
	}
	_ = out.Flush() // a builder takes everything
	for _, r := range d.Rejected {
		fmt.Fprintf(&text, "%s\n", printable.Line(fmt.Sprintf("node %s REJECTS %s version %s since %s UTC: %s",
			d.Node, r.Type, r.Version, r.At.UTC().Format(time.DateTime), r.Error)))
	}
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " \n")); err != nil {
			return fmt.Errorf("write the table: %w", err)
		}
	}
	return nil
}
