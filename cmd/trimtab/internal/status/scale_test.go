package status

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/scorer"
)

func TestScaleAdviceIsShown(t *testing.T) {
	nan := math.NaN()
	for _, tt := range []struct {
		advice     *scorer.ScaleAdvice
		json, line string
	}{
		{nil, "", ""},
		{
			&scorer.ScaleAdvice{Known: true, Backends: 5, Wanted: 4, Utilization: 0.5, Ahead: 0.5, Spare: "ws1", Why: "50 % full, target 70 %: 1 can be spared, and ws1 empties cheapest"},
			`"scale":{"backends":5,"wanted":4,"utilization":0.5,"ahead":0.5,"spare":"ws1","why":"50 % full`,
			"\nscale: 4 wanted of 5 (50 % full, target 70 %: 1 can be spared, and ws1 empties cheapest)\n",
		},
		{
			&scorer.ScaleAdvice{Backends: 5, Utilization: nan, Ahead: nan, Why: "most backends report no utilization\x1b[31m"},
			`"scale":{"backends":5,"wanted":null,"utilization":null,"ahead":null,"spare":""`,
			"\nscale: unknown (most backends report no utilization",
		},
	} {
		snaps := snapshots()[:1]
		snaps[0].Plan.Scale = tt.advice
		d := FromSnapshots("1.2.3", snaps)
		data, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var table bytes.Buffer
		if err := d.WriteTable(&table, TableOptions{}); err != nil {
			t.Fatal(err)
		}
		if tt.advice == nil {
			if strings.Contains(string(data), "scale") || strings.Contains(table.String(), "scale:") {
				t.Errorf("advice that nobody asked for:\n%s\n%s", data, table.String())
			}
			continue
		}
		if !strings.Contains(string(data), tt.json) || !strings.Contains(table.String(), tt.line) || strings.Contains(table.String(), "\x1b") {
			t.Errorf("JSON %s\ntable\n%s", data, table.String())
		}
	}
}
