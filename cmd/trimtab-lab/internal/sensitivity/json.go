package sensitivity

import (
	"encoding/json"
	"io"
)

// jsonChange is one change of one constant.
type jsonChange struct {
	Constant string  `json:"constant"`
	Value    string  `json:"value"`
	Factor   float64 `json:"factor"`
	// Worst is nil if nothing became of it in any row.
	Worst  *jsonRow  `json:"worst"`
	Median float64   `json:"median_change"`
	Rows   []jsonRow `json:"rows"`
}

// jsonRow is what became of one row; those of which nothing did are left out.
type jsonRow struct {
	Scenario string  `json:"scenario"`
	Proxy    string  `json:"proxy"`
	Policy   string  `json:"policy"`
	P99      float64 `json:"p99_change"`
	Noise    float64 `json:"noise"`
	Errors   float64 `json:"errors_change"`
}

// WriteJSON writes an array with an object for each change of each constant.
// Changes are parts, not per cent.
func (r *Result) WriteJSON(w io.Writer) error {
	out := []jsonChange{}
	for i, s := range r.Summaries() {
		change := jsonChange{Constant: s.Constant, Value: text(s.Constant), Factor: s.Factor, Median: s.Median, Rows: []jsonRow{}}
		for k := range r.Rows {
			row, c := &r.Rows[k], &r.Rows[k].Changes[i]
			if c.Idle {
				continue
			}
			line := jsonRow{row.Scenario, row.Proxy, row.Policy, c.P99, row.Noise, c.Errors}
			change.Rows = append(change.Rows, line)
			if row == s.Worst {
				change.Worst = &line
			}
		}
		out = append(out, change)
	}
	to := json.NewEncoder(w)
	to.SetIndent("", "  ")
	return to.Encode(out)
}
