package scenario

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// decoder fills structs from nodes by their tags. It never stops at a problem:
// what cannot be used keeps its default, so that the rest is looked at all the
// same.
type decoder struct {
	file     string
	problems Problems
	// places has an entry for each path that the file mentions.
	places map[string]place
	// broken has the paths whose value could not be used: they have been
	// reported and need no second word.
	broken map[string]bool
}

// refuse reports a value that cannot be used.
func (d *decoder) refuse(n *yaml.Node, path, hint, format string, args ...any) {
	d.broken[path] = true
	d.report(placeOf(n), path, hint, format, args...)
}

// value fills v, which is settable, from n.
func (d *decoder) value(n *yaml.Node, v reflect.Value, path string, f field) {
	d.places[path] = placeOf(n)
	switch {
	case n.Kind == yaml.AliasNode:
		d.refuse(n, path, "write it out", "anchors and aliases are not supported")
		return
	case isNull(n):
		d.refuse(n, path, "remove the key to take its default", "has no value")
		return
	case f.none != "" && n.Kind == yaml.ScalarNode && n.Value == f.none:
		v.SetZero()
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Slice:
		d.list(n, v, path, f)
	case reflect.Array:
		d.array(n, v, path, f)
	default:
		d.scalar(n, v, path, f)
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	if kinds := variants(v.Type()); kinds != nil {
		d.variant(n, v, path, kinds)
		return
	}
	all := fieldsOf(v.Type())
	setDefaults(v, all)
	if n.Kind == yaml.ScalarNode {
		if bare, ok := bareField(v.Type()); ok {
			d.value(n, v.FieldByIndex(bare.index), path, bare)
			return
		}
	}
	if n.Kind != yaml.MappingNode {
		d.refuse(n, path, "", "is %s, want a mapping", describe(n))
		return
	}
	given := d.keys(n, v, path, all)
	d.missing(n, path, all, given)
}

// keys decodes the mapping's values and returns its keys.
func (d *decoder) keys(n *yaml.Node, v reflect.Value, path string, all []field) map[string]bool {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			d.report(placeOf(key), path, "", "a key must be a word, not %s", describe(key))
			continue
		}
		keyPath := join(path, key.Value)
		if line, again := first[key.Value]; again {
			d.report(placeOf(key), keyPath, "remove one of the two", "duplicate key, first on line %d", line)
			continue
		}
		first[key.Value] = key.Line
		if j := slices.IndexFunc(all, func(f field) bool { return f.key == key.Value }); j >= 0 {
			d.value(value, v.FieldByIndex(all[j].index), keyPath, all[j])
			continue
		}
		d.refuse(key, keyPath, didYouMean(key.Value, keysOf(all)), "unknown key")
	}
	given := make(map[string]bool, len(first))
	for key := range first {
		given[key] = true
	}
	return given
}

func (d *decoder) missing(n *yaml.Node, path string, all []field, given map[string]bool) {
	for _, f := range all {
		if f.required && !given[f.key] {
			d.refuse(n, join(path, f.key), "", "is missing")
		}
	}
	for _, group := range choices(all) {
		here := slices.DeleteFunc(slices.Clone(group), func(key string) bool { return !given[key] })
		switch len(here) {
		case 0:
			d.refuse(n, path, "give one of "+strings.Join(group, ", "), "is incomplete")
		case 1:
		default:
			d.refuse(n, path, "keep one of them", "%s exclude each other", strings.Join(here, " and "))
		}
	}
}

// variant decodes a struct that is one of several, told apart by its kind.
func (d *decoder) variant(n *yaml.Node, v reflect.Value, path string, kinds map[string]reflect.StructField) {
	if n.Kind != yaml.MappingNode {
		d.refuse(n, path, "", "is %s, want a mapping", describe(n))
		return
	}
	known := slices.Sorted(maps.Keys(kinds))
	at := -1
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "kind" {
			at = i
			break
		}
	}
	if at < 0 {
		d.refuse(n, join(path, "kind"), "known: "+strings.Join(known, ", "), "is missing")
		return
	}
	name := n.Content[at+1]
	kind, ok := kinds[name.Value]
	if !ok || name.Kind != yaml.ScalarNode {
		d.refuse(name, join(path, "kind"), didYouMean(name.Value, known), "unknown value %s", describe(name))
		return
	}
	rest := *n
	rest.Content = slices.Delete(slices.Clone(n.Content), at, at+2)
	d.value(&rest, v.FieldByIndex(kind.Index), path, field{})
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string, f field) {
	items := n.Content
	if n.Kind != yaml.SequenceNode {
		if !f.lone {
			d.refuse(n, path, `put "- " before each entry`, "is %s, want a list", describe(n))
			return
		}
		items = []*yaml.Node{n}
	}
	if f.required && len(items) == 0 {
		d.refuse(n, path, "", "is empty")
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		itemPath := path
		if n.Kind == yaml.SequenceNode {
			itemPath += "[" + strconv.Itoa(i) + "]"
		}
		d.value(item, v.Index(i), itemPath, field{})
	}
	if len(items) == 0 {
		v.SetZero()
	}
}

// array decodes a list of a fixed length.
func (d *decoder) array(n *yaml.Node, v reflect.Value, path string, f field) {
	if n.Kind != yaml.SequenceNode || len(n.Content) != v.Len() {
		d.refuse(n, path, "", "is %s, want a list of %d", describe(n), v.Len())
		return
	}
	for i, item := range n.Content {
		d.value(item, v.Index(i), path+"["+strconv.Itoa(i)+"]", f)
	}
}

// setDefaults fills the struct v with what its tags say.
func setDefaults(v reflect.Value, all []field) {
	for _, f := range all {
		at := v.FieldByIndex(f.index)
		switch {
		case f.standard != "":
			setStandard(at, f)
		case at.Kind() == reflect.Struct:
			setDefaults(at, fieldsOf(at.Type()))
		}
	}
}

// setStandard sets one default. Tags are part of the program: a test reads them
// all, and what could not be read stays zero.
func setStandard(v reflect.Value, f field) {
	d := &decoder{places: map[string]place{}, broken: map[string]bool{}}
	if n := d.standard(v, f); n != nil {
		d.value(n, v, "", f)
	}
}

// standard is a default as a node. There is one for most keys of every entry of
// a file, so what can be made without the YAML library is.
func (d *decoder) standard(v reflect.Value, f field) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: f.standard}
	switch {
	case v.Kind() == reflect.Slice || v.Kind() == reflect.Pointer:
		return d.document([]byte(f.standard))
	case v.CanFloat() || v.CanInt() || v.CanUint():
		n.Tag = "!!float"
	case v.Kind() == reflect.Bool:
		n.Tag = "!!bool"
	default:
		n.Tag = "!!str"
	}
	return n
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a mapping"
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		return "a list of " + strconv.Itoa(len(n.Content))
	case n.Kind == yaml.SequenceNode:
		return "an empty list"
	case n.Kind == yaml.AliasNode:
		return "an alias"
	case isNull(n):
		return "empty"
	default:
		return strconv.Quote(n.Value)
	}
}

// join appends a key to a path.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}
