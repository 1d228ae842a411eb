package config

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

func (d *decoder) decodeScalar(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	switch {
	case isNull(n):
		d.refuse(n, path, "remove the key to take its default", "has no value")
	case v.Type() == reflect.TypeFor[time.Duration]():
		d.decodeDuration(n, v, path)
	case v.Type() == reflect.TypeFor[PerSecond]():
		d.decodePerSecond(n, v, path)
	case v.Kind() == reflect.Float64:
		d.decodeNumber(n, v, path)
	case v.Kind() == reflect.Int:
		d.decodeInteger(n, v, path)
	case v.Kind() == reflect.Bool:
		d.decodeBool(n, v, path)
	default:
		d.decodeString(n, v, path, tag)
	}
}

func (d *decoder) decodeDuration(n *yaml.Node, v reflect.Value, path string) {
	text := strings.TrimSpace(n.Value)
	value, err := time.ParseDuration(text)
	_, numberErr := strconv.ParseFloat(text, 64)
	switch {
	case n.Kind != yaml.ScalarNode:
		d.refuse(n, path, "", "is %s, want a duration such as 10s", describe(n))
	case numberErr == nil:
		// ParseDuration lets 0 through; 0 of what is still a fair question.
		d.refuse(n, path, "write "+text+"s for seconds, "+text+"ms for milliseconds", "%q has no unit", n.Value)
	case err != nil:
		d.refuse(n, path, durationHint(text), "%q is not a duration", n.Value)
	case value < 0:
		d.refuse(n, path, "", "must not be negative, is %s", text)
	default:
		v.SetInt(int64(value))
	}
}

// durationHint reads what people write and Go does not.
func durationHint(text string) string {
	number := strings.TrimRight(strings.ToLower(text), "abcdefghijklmnopqrstuvwxyz ")
	unit := strings.TrimSpace(strings.ToLower(text)[len(number):])
	value, err := strconv.ParseFloat(number, 64)
	if err != nil {
		return "write 500ms, 10s or 5m"
	}
	for _, u := range []struct {
		names []string
		is    string
		times float64
	}{
		{[]string{"ms", "msec", "msecs", "millis", "millisecond", "milliseconds"}, "ms", 1},
		{[]string{"s", "sec", "secs", "second", "seconds"}, "s", 1},
		{[]string{"m", "min", "mins", "minute", "minutes"}, "m", 1},
		{[]string{"h", "hr", "hour", "hours"}, "h", 1},
		{[]string{"d", "day", "days"}, "h", 24},
	} {
		if slices.Contains(u.names, unit) {
			return "write " + strconv.FormatFloat(value*u.times, 'f', -1, 64) + u.is
		}
	}
	return "write 500ms, 10s or 5m"
}

func (d *decoder) decodeNumber(n *yaml.Node, v reflect.Value, path string) {
	value, err := strconv.ParseFloat(n.Value, 64)
	quoted := n.Tag == "!!str"
	switch {
	case n.Kind != yaml.ScalarNode:
		d.refuse(n, path, "", "is %s, want a number", describe(n))
	case n.Tag == "!!float" && (err != nil || math.IsNaN(value) || math.IsInf(value, 0)):
		d.refuse(n, path, "", "must be a finite number, is %s", n.Value)
	case err == nil && quoted && !math.IsNaN(value) && !math.IsInf(value, 0):
		d.refuse(n, path, "remove the quotes", "is the text %q, want a number", n.Value)
	case err != nil || quoted:
		d.refuse(n, path, numberHint(n.Value), "is %s, want a number", describe(n))
	default:
		v.SetFloat(value)
	}
}

func (d *decoder) decodeInteger(n *yaml.Node, v reflect.Value, path string) {
	number := reflect.New(reflect.TypeFor[float64]()).Elem()
	before := len(d.problems)
	d.decodeNumber(n, number, path)
	switch value := number.Float(); {
	case len(d.problems) > before:
	case value != math.Trunc(value) || math.Abs(value) > math.MaxInt32:
		d.refuse(n, path, "", "must be a whole number, is %s", n.Value)
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

func (d *decoder) decodeBool(n *yaml.Node, v reflect.Value, path string) {
	hint := ""
	switch strings.ToLower(n.Value) {
	case "yes", "on", "y", "true", "1":
		hint = "write true"
	case "no", "off", "n", "false", "0":
		hint = "write false"
	}
	truth, isBool := map[string]bool{"true": true, "false": false}[strings.ToLower(n.Value)]
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || !isBool {
		d.refuse(n, path, hint, "is %s, want true or false", describe(n))
		return
	}
	v.SetBool(truth)
}

func (d *decoder) decodeString(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	oneOf, bound := tag.Lookup("oneof")
	allowed := strings.Split(oneOf, "|")
	switch {
	case n.Kind != yaml.ScalarNode:
		d.refuse(n, path, "", "is %s, want text", describe(n))
	case n.Tag == "!!bool":
		d.refuse(n, path, `write "`+n.Value+`"`, "is %s, want text", n.Value)
	case bound && !slices.Contains(allowed, n.Value):
		d.refuse(n, path, didYouMean(n.Value, allowed), "unknown value %q", n.Value)
	default:
		v.SetString(n.Value)
	}
}
