package status

import (
	"encoding/json"
	"math"
)

// Number is a float64 that may be unknown: NaN, which is null in JSON. An
// infinity is null too, as JSON has none.
type Number float64

// Unknown is no number.
func Unknown() Number { return Number(math.NaN()) }

// Known is false for what is null in JSON.
func (n Number) Known() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON implements [json.Marshaler].
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Known() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *Number) UnmarshalJSON(data []byte) error {
	v := math.NaN()
	if string(data) != "null" {
		if err := json.Unmarshal(data, &v); err != nil {
			return err
		}
	}
	*n = Number(v)
	return nil
}
