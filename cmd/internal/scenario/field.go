package scenario

import (
	"reflect"
	"slices"
	"strings"
)

// field is what struct tags say of one key. The decoder, the encoder and the
// schema all go by it.
type field struct {
	name, key string
	index     []int // leads through inlined structs
	owner     reflect.Type
	kind      reflect.Type
	required  bool
	// standard is the default as YAML, empty for none.
	standard string
	// min, above and max are bounds, as they would be written in a file.
	min, above, max string
	oneof           []string
	// choice is a group of keys of which exactly one is given.
	choice string
	// none is the word that stands for nil.
	none string
	// lone lists may be written as their only entry.
	lone bool
	// bare is the field that a struct is given by when it is written as a
	// scalar.
	bare bool
	// signed durations may be negative.
	signed bool
	// block is a list that gets a line per entry.
	block bool
	// always is written even at its default.
	always bool
}

// fieldsOf lists the keys of a struct in the order of declaration.
func fieldsOf(t reflect.Type) []field {
	var out []field
	for f := range t.Fields() {
		key, option, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if option == "inline" {
			for _, inner := range fieldsOf(f.Type) {
				inner.index = append(slices.Clone(f.Index), inner.index...)
				out = append(out, inner)
			}
			continue
		}
		if key == "" {
			continue
		}
		out = append(out, field{
			name: f.Name, key: key, index: f.Index, owner: t, kind: f.Type,
			required: f.Tag.Get("required") != "", standard: f.Tag.Get("default"),
			min: f.Tag.Get("min"), above: f.Tag.Get("above"), max: f.Tag.Get("max"),
			oneof: alternatives(f.Tag.Get("oneof")), choice: f.Tag.Get("choice"), none: f.Tag.Get("none"),
			lone: f.Tag.Get("lone") != "", bare: f.Tag.Get("bare") != "", signed: f.Tag.Get("signed") != "",
			block: f.Tag.Get("block") != "", always: f.Tag.Get("always") != "",
		})
	}
	return out
}

// variants lists the fields of a struct that is one of several, told apart by
// the key "kind"; nil for any other struct.
func variants(t reflect.Type) map[string]reflect.StructField {
	var out map[string]reflect.StructField
	for f := range t.Fields() {
		if kind := f.Tag.Get("kind"); kind != "" {
			if out == nil {
				out = map[string]reflect.StructField{}
			}
			out[kind] = f
		}
	}
	return out
}

// bareField is the field by which t is given as a scalar.
func bareField(t reflect.Type) (field, bool) {
	if t.Kind() != reflect.Struct {
		return field{}, false
	}
	all := fieldsOf(t)
	i := slices.IndexFunc(all, func(f field) bool { return f.bare })
	if i < 0 {
		return field{}, false
	}
	return all[i], true
}

// choices groups the keys of which exactly one is to be given.
func choices(all []field) [][]string {
	var out [][]string
	index := map[string]int{}
	for _, f := range all {
		if f.choice == "" {
			continue
		}
		i, known := index[f.choice]
		if !known {
			i = len(out)
			index[f.choice] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], f.key)
	}
	return out
}

func keysOf(all []field) []string {
	out := make([]string, len(all))
	for i, f := range all {
		out[i] = f.key
	}
	return out
}

func alternatives(tag string) []string {
	if tag == "" {
		return nil
	}
	return strings.Split(tag, "|")
}
