package status

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// unknown is how a value looks that nobody has reported.
const unknown = "-"

func decimal(n Number, digits int) string {
	if !n.Known() {
		return unknown
	}
	return strconv.FormatFloat(float64(n), 'f', digits, 64)
}

// amount is a count or rate: three digits are enough to see what it is.
func amount(n Number) string {
	switch v := float64(n); {
	case !n.Known():
		return unknown
	case v == math.Trunc(v) || math.Abs(v) >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	default:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
}

func seconds(n Number) string {
	switch v := float64(n); {
	case !n.Known():
		return unknown
	case v < 0.0095:
		return fmt.Sprintf("%.1fms", v*1e3)
	case v < 0.9995:
		return fmt.Sprintf("%.0fms", v*1e3)
	default:
		return fmt.Sprintf("%.1fs", v)
	}
}

// applied lists a backend's weights in the targets' order; equal ones once.
func applied(b Backend, targets []Target) string {
	var out []string
	for _, t := range targets {
		w, ok := b.Applied[t.Name]
		if !ok {
			out = append(out, unknown)
			continue
		}
		out = append(out, strconv.Itoa(w))
	}
	if len(out) > 0 && len(slices.Compact(slices.Clone(out))) == 1 {
		return out[0]
	}
	return strings.Join(out, "/")
}

// reason is why, with what the targets add.
func reason(b Backend) string {
	parts := []string{b.Why}
	if b.Drain != nil {
		parts = append(parts, DrainLine(b.Drain))
	}
	if s := b.Shed; s != nil {
		if s.Count > 0 && b.Drain == nil {
			parts = append(parts, fmt.Sprintf("%d connections are asked to reconnect", s.Count))
		}
		parts = append(parts, s.LastError)
	}
	for _, target := range slices.Sorted(maps.Keys(b.Notes)) {
		if note := b.Notes[target]; !slices.Contains(parts, note) {
			parts = append(parts, note)
		}
	}
	return printable.Line(strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "; "))
}
