package config

import (
	"reflect"
	"strings"
)

// schema is what the decoder knows of a struct.
type schema struct {
	fields map[string]reflect.StructField // index paths lead through inlined structs
	keys   []string                       // in the order of declaration
	rest   []int                          // the inlined map that takes all other keys
	word   *reflect.StructField           // what a text in place of the mapping sets
}

func schemaOf(t reflect.Type) schema {
	s := schema{fields: map[string]reflect.StructField{}}
	s.add(t, nil)
	return s
}

func (s *schema) add(t reflect.Type, prefix []int) {
	for i := range t.NumField() {
		f := t.Field(i)
		index := append(append([]int(nil), prefix...), i)
		key, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if f.Tag.Get("word") != "" {
			s.word = &f
		}
		switch {
		case options == "inline" && f.Type.Kind() == reflect.Map:
			s.rest = index
		case options == "inline":
			s.add(f.Type, index)
		case key != "" && key != "-":
			f.Index = index
			s.fields[key] = f
			s.keys = append(s.keys, key)
		}
	}
}
