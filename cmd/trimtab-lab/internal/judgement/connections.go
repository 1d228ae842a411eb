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

// ConnectionsHead names the columns of [Connections].
func ConnectionsHead() []string {
	return []string{
		"connections", "proxy", "policy", "peak", "max/mean", "max − min", "max/mean at the end", "closed", "÷ least", "broken off", "clients lost",
		"CPU max/mean", "p99 ms",
	}
}

// Connections are how each policy spread what was in flight, a row for each that
// could be judged: wherever there are long-lived connections, and of requests in a
// scenario that is judged alone. What counts at the peak is its last second; least is how many have to
// be closed at the least.
func Connections(entries []Entry) [][]string {
	var out [][]string
	for i := range entries {
		e := &entries[i]
		if len(entries) > 1 && !e.hasConnections() {
			continue
		}
		for _, p := range e.Policies {
			if p.Figures != nil {
				out = append(out, append([]string{e.Scenario, e.Proxy, p.Name}, spreadOf(p.Figures)...))
			}
		}
	}
	return out
}

func (e *Entry) hasConnections() bool {
	return slices.ContainsFunc(e.File.Traffic, func(t scenario.Traffic) bool { return t.WebSockets != nil })
}

// spreadOf are the columns from the peak on.
func spreadOf(f *simulate.Figures) []string {
	const none = "–"
	closed, over, broken, lost := none, none, none, none
	if s := f.SocketFigures; s != nil {
		closed, broken, lost = count(f.ConnectionsShed), count(f.ConnectionsLost), count(s.ClientsLost)
		if s.ConnectionsShedOverLeast != nil && f.ConnectionsShed > 0 {
			over = fmt.Sprintf("%.3f", *s.ConnectionsShedOverLeast)
		}
	}
	return []string{
		count(f.ConnectionsPeak), fmt.Sprintf("%.4f", f.ConnectionsPeakMaxMean), count(f.ConnectionsPeakMaxMin), fmt.Sprintf("%.4f", f.ConnectionsEndMaxMean),
		closed, over, broken, lost, Ratio(f.Imbalance), fmt.Sprintf("%.4g", f.P99),
	}
}

func count(n float64) string { return fmt.Sprintf("%.0f", n) }

func writeConnections(w io.Writer, entries []Entry) error {
	rows := Connections(entries)
	if len(rows) == 0 {
		return nil
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out)
	for _, row := range append([][]string{ConnectionsHead()}, rows...) {
		fmt.Fprintln(out, strings.Join(row, "\t"))
	}
	return out.Flush()
}
