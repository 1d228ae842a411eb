package scenario

import (
	"fmt"
	"reflect"
	"strconv"
	"time"

	"go.yaml.in/yaml/v4"
)

// lineWidth keeps an entry of a list on its line.
const lineWidth = 200

// Marshal writes a file for people: what is at its default is left out, and
// every backend and event has a line. [Parse] gives f back.
func Marshal(f File) ([]byte, error) {
	root := encode(reflect.ValueOf(f), field{block: true})
	root.Style = 0
	text, err := yaml.Dump(root, yaml.WithLineWidth(lineWidth), yaml.WithCompactSeqIndent(false))
	if err != nil {
		return nil, fmt.Errorf("scenario %s: write as YAML: %w", f.Name, err)
	}
	return text, nil
}

// encode turns a value into a node. Mappings and lists are in one line unless
// the field is in block style.
func encode(v reflect.Value, f field) *yaml.Node {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return word(f.none)
		}
		return encode(v.Elem(), f)
	case reflect.Struct:
		return encodeStruct(v, f)
	case reflect.Slice, reflect.Array:
		if f.lone && v.Len() == 1 {
			return encode(v.Index(0), field{})
		}
		n := &yaml.Node{Kind: yaml.SequenceNode, Style: style(f)}
		for i := range v.Len() {
			// The traffic alone is too long for a line per entry.
			inner := field{block: f.block && variants(v.Type().Elem()) != nil}
			n.Content = append(n.Content, encode(v.Index(i), inner))
		}
		return n
	default:
		return scalar(v)
	}
}

func style(f field) yaml.Style {
	if f.block {
		return 0
	}
	return yaml.FlowStyle
}

func encodeStruct(v reflect.Value, f field) *yaml.Node {
	n := &yaml.Node{Kind: yaml.MappingNode, Style: style(f)}
	add := func(key string, value *yaml.Node) { n.Content = append(n.Content, word(key), value) }
	for kind, variant := range variants(v.Type()) {
		if inner := v.FieldByIndex(variant.Index); !inner.IsNil() {
			add("kind", word(kind))
			n.Content = append(n.Content, encode(inner, f).Content...)
			return n
		}
	}
	all := fieldsOf(v.Type())
	standard := reflect.New(v.Type()).Elem()
	setDefaults(standard, all)
	for _, inner := range all {
		value := v.FieldByIndex(inner.index)
		if inner.required || inner.always || !reflect.DeepEqual(value.Interface(), standard.FieldByIndex(inner.index).Interface()) {
			add(inner.key, encode(value, inner))
		}
	}
	if bare, ok := bareField(v.Type()); ok && len(n.Content) == 2 && n.Content[0].Value == bare.key {
		return n.Content[1]
	}
	return n
}

// word is text, which the dumper quotes where it would be read as something
// else.
func word(text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}
}

// percentOf is the shortest number that is read as that share again.
func percentOf(share float64) string {
	for digits := 1; ; digits++ {
		text := strconv.FormatFloat(share*100, 'f', digits-1, 64)
		if value, err := strconv.ParseFloat(text, 64); digits > 20 || err == nil && value/100 == share {
			return text
		}
	}
}

func scalar(v reflect.Value) *yaml.Node {
	plain := func(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }
	switch value := v.Interface().(type) {
	case time.Duration:
		return plain(short(value))
	case Rate:
		return plain(strconv.FormatFloat(float64(value), 'f', -1, 64) + "/s")
	case Share:
		return plain(percentOf(float64(value)) + "%/s")
	}
	switch {
	case v.CanFloat():
		return plain(strconv.FormatFloat(v.Float(), 'g', -1, 64))
	case v.CanInt():
		return plain(strconv.FormatInt(v.Int(), 10))
	case v.CanUint():
		return plain(strconv.FormatUint(v.Uint(), 10))
	case v.Kind() == reflect.Bool:
		return plain(strconv.FormatBool(v.Bool()))
	default:
		return word(v.String())
	}
}
