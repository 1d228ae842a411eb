package scenario

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

func (d *decoder) scalar(n *yaml.Node, v reflect.Value, path string, f field) {
	if n.Kind != yaml.ScalarNode {
		d.refuse(n, path, "", "is %s, want %s", describe(n), wanted(v.Type()))
		return
	}
	switch {
	case v.Type() == reflect.TypeFor[time.Duration]():
		d.duration(n, v, path, f)
	case v.Type() == reflect.TypeFor[Rate]():
		d.rate(n, v, path)
	case v.Type() == reflect.TypeFor[Share]():
		d.share(n, v, path)
	case v.Kind() == reflect.Bool:
		d.truth(n, v, path)
	case v.Kind() == reflect.String:
		d.text(n, v, path, f)
	default:
		d.number(n, v, path, f)
	}
}

// What times and rates look like in a file.
const (
	durationPattern = `([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)`
	ratePattern     = `^[0-9]+(\.[0-9]+)?/s$`
	sharePattern    = `^[0-9]+(\.[0-9]+)?%/s$`
	maxRate         = 10_000_000
)

var (
	rateText  = regexp.MustCompile(ratePattern)
	shareText = regexp.MustCompile(sharePattern)
)

func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return "a time such as 10s"
	case t == reflect.TypeFor[Rate]():
		return "a rate such as 500/s"
	case t == reflect.TypeFor[Share]():
		return "a rate such as 1%/s"
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.String:
		return "text"
	default:
		return "a number"
	}
}

func (d *decoder) duration(n *yaml.Node, v reflect.Value, path string, f field) {
	value, err := time.ParseDuration(n.Value)
	_, numberErr := strconv.ParseFloat(n.Value, 64)
	switch {
	case numberErr == nil:
		// ParseDuration lets 0 through; 0 of what is still a fair question.
		d.refuse(n, path, "write "+n.Value+"s for seconds, "+n.Value+"ms for milliseconds", "%q has no unit", n.Value)
	case err != nil:
		d.refuse(n, path, "write 500ms, 10s or 5m", "%q is not a time", n.Value)
	case value < 0 && !f.signed:
		d.refuse(n, path, "", "must not be negative, is %s", n.Value)
	default:
		if wrong := f.outside(float64(value), durationBound); wrong != "" {
			d.refuse(n, path, "", "must be %s, is %s", wrong, n.Value)
			return
		}
		v.SetInt(int64(value))
	}
}

func (d *decoder) rate(n *yaml.Node, v reflect.Value, path string) {
	value, err := strconv.ParseFloat(strings.TrimSuffix(n.Value, "/s"), 64)
	switch {
	case !rateText.MatchString(n.Value) || err != nil:
		d.refuse(n, path, "write it as 500/s", "%q is not a rate", n.Value)
	case !(value > 0) || value > maxRate:
		d.refuse(n, path, "", "must be above 0 and at most %g/s, is %s", float64(maxRate), n.Value)
	default:
		v.SetFloat(value)
	}
}

func (d *decoder) share(n *yaml.Node, v reflect.Value, path string) {
	value, err := strconv.ParseFloat(strings.TrimSuffix(n.Value, "%/s"), 64)
	switch {
	case !shareText.MatchString(n.Value) || err != nil:
		d.refuse(n, path, "write it as 1%/s", "%q is not a part per second", n.Value)
	case !(value > 0) || value > 100:
		d.refuse(n, path, "", "must be above 0 and at most 100%%/s, is %s", n.Value)
	default:
		v.SetFloat(value / 100)
	}
}

func (d *decoder) truth(n *yaml.Node, v reflect.Value, path string) {
	if n.Tag != "!!bool" || n.Value != "true" && n.Value != "false" {
		d.refuse(n, path, "", "is %s, want true or false", describe(n))
		return
	}
	v.SetBool(n.Value == "true")
}

func (d *decoder) text(n *yaml.Node, v reflect.Value, path string, f field) {
	allowed := f.oneof
	if v.Type() == reflect.TypeFor[Policy]() {
		allowed = policyNames()
	}
	switch {
	case n.Tag != "!!str":
		d.refuse(n, path, `write "`+n.Value+`"`, "is %s, want text", n.Value)
	case n.Value == "" || n.Value != printable.Text(n.Value):
		d.refuse(n, path, "", "is %q: must be a word that can be printed", n.Value)
	case len(allowed) > 0 && !slices.Contains(allowed, n.Value):
		d.refuse(n, path, didYouMean(n.Value, allowed), "unknown value %q", n.Value)
	default:
		v.SetString(n.Value)
	}
}

func (d *decoder) number(n *yaml.Node, v reflect.Value, path string, f field) {
	whole := v.Kind() != reflect.Float64
	value, err := strconv.ParseFloat(n.Value, 64)
	isNumber := err == nil && (n.Tag == "!!int" || n.Tag == "!!float")
	switch wrong := f.outside(value, numberBound); {
	case !isNumber || math.IsNaN(value) || math.IsInf(value, 0):
		d.refuse(n, path, numberHint(n.Value), "is %s, want a number", describe(n))
	case whole && value != math.Trunc(value):
		d.refuse(n, path, "", "must be a whole number, is %s", n.Value)
	case wrong != "":
		d.refuse(n, path, "", "must be %s, is %s", wrong, n.Value)
	case v.CanFloat():
		v.SetFloat(value)
	case v.CanUint():
		v.SetUint(uint64(value))
	default:
		v.SetInt(int64(value))
	}
}

func numberHint(text string) string {
	percent, isPercent := strings.CutSuffix(strings.TrimSpace(text), "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(percent), 64)
	if !isPercent || err != nil {
		return ""
	}
	return "write " + strconv.FormatFloat(value/100, 'g', 6, 64)
}

// outside says what bound of its tags the value misses, "" for none.
func (f field) outside(value float64, bound func(string) float64) string {
	var want []string
	missed := false
	if f.min != "" {
		want = append(want, "at least "+f.min)
		missed = missed || value < bound(f.min)
	}
	if f.above != "" {
		want = append(want, "above "+f.above)
		missed = missed || value <= bound(f.above)
	}
	if f.max != "" {
		want = append(want, "at most "+f.max)
		missed = missed || value > bound(f.max)
	}
	if !missed {
		return ""
	}
	return strings.Join(want, " and ")
}

func durationBound(text string) float64 {
	d, err := time.ParseDuration(text)
	if err != nil {
		return math.NaN()
	}
	return float64(d)
}

func numberBound(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return f
}

func policyNames() []string {
	all := Policies()
	names := make([]string, len(all))
	for i, p := range all {
		names[i] = fmt.Sprint(p)
	}
	return names
}
