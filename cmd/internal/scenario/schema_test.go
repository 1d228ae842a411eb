package scenario

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v4"
)

func schema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	text, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemaID, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(schemaID)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate judges a YAML text by the schema.
func validate(t testing.TB, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var value any
	if err := yaml.Load(text, &value); err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		t.Fatal(err)
	}
	return s.Validate(doc)
}

func TestSchemaTakesWhatParses(t *testing.T) {
	s := schema(t)
	files := namedFiles(t)
	files["everything"], files["least"] = []byte(everything), []byte(least)
	for path, text := range files {
		if err := validate(t, s, text); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for seed := range uint64(50) {
		text, err := Marshal(Draw(seed))
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, s, text); err != nil {
			t.Errorf("drawn with seed %d: %v", seed, err)
		}
	}
}

func TestSchemaRefusesBadShapes(t *testing.T) {
	s := schema(t)
	for _, bad := range badFiles {
		if !bad.shape {
			continue
		}
		if validate(t, s, changed(bad.old, bad.new)) == nil {
			t.Errorf("%s: the schema takes what Parse refuses: %s", bad.name, bad.want)
		}
	}
}

// TestKeysAreDescribed walks all keys: each has a comment, and a default that
// can be read if it has one.
func TestKeysAreDescribed(t *testing.T) {
	comments, err := commentsOf()
	if err != nil {
		t.Fatal(err)
	}
	seen := map[reflect.Type]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(typ.Elem())
			return
		case reflect.Struct:
		default:
			return
		}
		if seen[typ] {
			return
		}
		seen[typ] = true
		for _, variant := range variants(typ) {
			walk(variant.Type)
		}
		for _, f := range fieldsOf(typ) {
			if comments.field(f) == "" {
				t.Errorf("%v.%s has no comment", f.owner, f.name)
			}
			if f.standard != "" {
				d := &decoder{places: map[string]place{}, broken: map[string]bool{}}
				v := reflect.New(f.kind).Elem()
				d.value(d.standard(v, f), v, "", f)
				if len(d.problems) > 0 {
					t.Errorf("%v.%s: default %s: %v", f.owner, f.name, f.standard, d.problems)
				}
			}
			walk(f.kind)
		}
	}
	walk(reflect.TypeFor[File]())
}

// TestEventsChangeWhatBackendsHave holds Change to Settings.
func TestEventsChangeWhatBackendsHave(t *testing.T) {
	settings, change := fieldsOf(reflect.TypeFor[Settings]()), fieldsOf(reflect.TypeFor[Change]())
	if len(settings) != len(change) {
		t.Fatalf("%d settings, %d that can change", len(settings), len(change))
	}
	for i, s := range settings {
		c := change[i]
		if c.key != s.key || c.name != s.name || c.kind != reflect.PointerTo(s.kind) ||
			c.min != s.min || c.above != s.above || c.max != s.max || !reflect.DeepEqual(c.oneof, s.oneof) {
			t.Errorf("%s is %+v as a setting and %+v as a change", s.key, s, c)
		}
	}
}
