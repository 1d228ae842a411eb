package judgement

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

func TestConnections(t *testing.T) {
	over := 1.035
	spread := func(f *simulate.Figures) {
		f.ConnectionsPeak, f.ConnectionsPeakMaxMean, f.ConnectionsPeakMaxMin, f.Imbalance = 1500, 1.04, 60, 1.1
		f.ConnectionsEndMaxMean = 1.041
		f.ConnectionsShed, f.ConnectionsLost = 330, 2
		f.SocketFigures = &simulate.SocketFigures{ConnectionsLeast: 318.75, ConnectionsShedOverLeast: &over, ClientsLost: 1}
	}
	join := judged("join", "haproxy/leastconn", r{"leastconn": 1, "trimtab": 1, "orca": -1}, connections, with("trimtab", spread), with("leastconn", func(f *simulate.Figures) {
		f.SocketFigures = &simulate.SocketFigures{}
	}))
	video := judged("video", "haproxy/leastconn", r{"trimtab": 1}, with("trimtab", func(f *simulate.Figures) {
		f.ConnectionsPeak, f.ConnectionsPeakMaxMean, f.ConnectionsPeakMaxMin, f.Imbalance = 12, 1.5, 4, 1.2
	}))
	want := [][]string{
		{"join", "haproxy/leastconn", "leastconn", "0", "0.0000", "0", "0.0000", "0", "–", "0", "0", "0.00", "100"},
		{"join", "haproxy/leastconn", "trimtab", "1500", "1.0400", "60", "1.0410", "330", "1.035", "2", "1", "1.10", "100"},
		{"video", "haproxy/leastconn", "trimtab", "12", "1.5000", "4", "0.0000", "–", "–", "–", "–", "1.20", "100"},
	}
	// Among others, those without connections are left out.
	if diff := cmp.Diff(want[:2], Connections([]Entry{join, video})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want[2:], Connections([]Entry{video})); diff != "" {
		t.Errorf("alone (-want +got):\n%s", diff)
	}
	for _, row := range want {
		if len(row) != len(ConnectionsHead()) {
			t.Errorf("%d columns under %d heads", len(row), len(ConnectionsHead()))
		}
	}
	var b strings.Builder
	if err := WriteTable(&b, []Entry{join}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"max − min", "÷ least", "clients lost", "1.0400"} {
		if !strings.Contains(b.String(), text) {
			t.Errorf("no %q in:\n%s", text, b.String())
		}
	}
}
