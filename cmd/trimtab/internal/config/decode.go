package config

import (
	"fmt"
	"reflect"
	"regexp"
	"strconv"

	"go.yaml.in/yaml/v4"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// place is a position in the file, counted from 1.
type place struct{ line, column int }

// decoder fills structs from nodes. It never stops at a problem: what cannot be
// used keeps its default, so that the rest is looked at all the same.
type decoder struct {
	file     string
	problems Problems
	// places has an entry for each path that the file mentions, which is how
	// the checks after it tell an absent key from a zero one.
	places map[string]place
	// broken has the paths whose value could not be used: they have been
	// reported and need no second word.
	broken map[string]bool
}

func (d *decoder) report(at place, path, hint, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: at.line, Column: at.column,
		Path: path, Message: printable.Text(fmt.Sprintf(format, args...)), Hint: printable.Text(hint),
	})
}

// refuse reports a value that cannot be used.
func (d *decoder) refuse(n *yaml.Node, path, hint, format string, args ...any) {
	d.broken[path] = true
	d.report(placeOf(n), path, hint, format, args...)
}

func placeOf(n *yaml.Node) place { return place{max(n.Line, 1), max(n.Column, 1)} }

// decode fills v, which is settable, from n.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string, tag reflect.StructTag) {
	d.places[path] = placeOf(n)
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		setDefaults(v)
		d.decodeStruct(n, v, path)
	case reflect.Slice:
		d.decodeList(n, v, path)
	case reflect.Map:
		d.decodeMap(n, v, path)
	default:
		d.decodeScalar(n, v, path, tag)
	}
}

func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, path string) {
	s := schemaOf(v.Type())
	if s.word != nil && n.Kind == yaml.ScalarNode && !isNull(n) {
		d.decodeScalar(n, v.FieldByIndex(s.word.Index), path, s.word.Tag)
		return
	}
	for key, value := range d.entries(n, path) {
		keyPath := join(path, key.Value)
		field, known := s.fields[key.Value]
		switch {
		case known:
			d.decode(value, v.FieldByIndex(field.Index), keyPath, field.Tag)
		case s.rest != nil:
			// A misspelt key shows by its value being no number.
			d.decodeEntry(key, value, v.FieldByIndex(s.rest), path, didYouMean(key.Value, s.keys))
		default:
			d.refuse(key, keyPath, didYouMean(key.Value, s.keys), "unknown key")
		}
	}
}

func (d *decoder) decodeList(n *yaml.Node, v reflect.Value, path string) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		d.refuse(n, path, `put "- " before each entry`, "is %s, want a list", describe(n))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
	for i, item := range n.Content {
		d.decode(item, v.Index(i), path+"["+strconv.Itoa(i)+"]", "")
	}
}

func (d *decoder) decodeMap(n *yaml.Node, v reflect.Value, path string) {
	for key, value := range d.entries(n, path) {
		d.decodeEntry(key, value, v, path, "")
	}
}

// decodeEntry puts one entry into the map v; a value that cannot be used is
// left out.
func (d *decoder) decodeEntry(key, value *yaml.Node, v reflect.Value, path, hint string) {
	keyPath := join(path, key.Value)
	element := reflect.New(v.Type().Elem()).Elem()
	reported := len(d.problems)
	d.decode(value, element, keyPath, "")
	if len(d.problems) > reported {
		if last := &d.problems[len(d.problems)-1]; hint != "" && last.Hint == "" {
			last.Hint = hint
		}
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	v.SetMapIndex(reflect.ValueOf(key.Value), element)
}

// entries yields the mapping's keys and values, each key once. An empty value
// is an empty mapping, as people comment out the last key below a heading.
func (d *decoder) entries(n *yaml.Node, path string) func(yield func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if isNull(n) {
			return
		}
		if n.Kind != yaml.MappingNode {
			d.refuse(n, path, "", "is %s, want a mapping", describe(n))
			return
		}
		first := map[string]int{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, value := n.Content[i], n.Content[i+1]
			if key.Kind != yaml.ScalarNode {
				d.report(placeOf(key), path, "", "a key must be a word, not %s", describe(key))
				continue
			}
			if key.Tag == "!!merge" {
				d.report(placeOf(key), path, "use an alias for a whole value instead", "merge keys (<<) are not supported")
				continue
			}
			if line, again := first[key.Value]; again {
				d.report(placeOf(key), join(path, key.Value), "remove one of the two",
					"duplicate key, first on line %d", line)
				continue
			}
			first[key.Value] = key.Line
			if !yield(key, value) {
				return
			}
		}
	}
}

// setDefaults calls setDefaults on the struct v and on the structs within it.
func setDefaults(v reflect.Value) {
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Struct && v.Type().Field(i).Name != "_" {
			setDefaults(f)
		}
	}
	if s, ok := v.Addr().Interface().(defaulter); ok {
		s.setDefaults()
	}
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if isNull(n) {
			return "empty"
		}
		return strconv.Quote(n.Value)
	default:
		return "an alias"
	}
}

var plainKey = regexp.MustCompile(`^[\w-]+$`)

// join appends a key to a path; a key that would make the path ambiguous is
// quoted.
func join(path, key string) string {
	if !plainKey.MatchString(key) {
		key = strconv.Quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
