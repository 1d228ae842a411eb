package recording

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// number is a float64 that JSON gives back as it was. NaN is null, and left out of
// an object by omitzero.
type number float64

const (
	plusInf  = `"+Inf"`
	minusInf = `"-Inf"`
)

// IsZero is true for a value that is not known. 0 is known.
func (n number) IsZero() bool { return math.IsNaN(float64(n)) }

// MarshalJSON implements [json.Marshaler].
func (n number) MarshalJSON() ([]byte, error) {
	switch f := float64(n); {
	case math.IsNaN(f):
		return []byte("null"), nil
	case math.IsInf(f, 1):
		return []byte(plusInf), nil
	case math.IsInf(f, -1):
		return []byte(minusInf), nil
	default:
		return strconv.AppendFloat(nil, f, 'g', -1, 64), nil
	}
}

// UnmarshalJSON implements [json.Unmarshaler].
func (n *number) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "null":
		*n = number(math.NaN())
	case plusInf:
		*n = number(math.Inf(1))
	case minusInf:
		*n = number(math.Inf(-1))
	default:
		var f float64
		if err := json.Unmarshal(data, &f); err != nil {
			return err
		}
		*n = number(f)
	}
	return nil
}

// duration reads and writes like 1.5s.
type duration time.Duration

// MarshalText implements [encoding.TextMarshaler].
func (d duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *duration) UnmarshalText(text []byte) error {
	parsed, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("duration: %w", err)
	}
	*d = duration(parsed)
	return nil
}

// condition reads and writes like draining.
type condition scorer.Condition

// MarshalText implements [encoding.TextMarshaler].
func (c condition) MarshalText() ([]byte, error) { return []byte(scorer.Condition(c).String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (c *condition) UnmarshalText(text []byte) error {
	for _, known := range []scorer.Condition{scorer.Up, scorer.Draining, scorer.Down} {
		if known.String() == string(text) {
			*c = condition(known)
			return nil
		}
	}
	return fmt.Errorf("condition %q: must be up, draining or down", text)
}
