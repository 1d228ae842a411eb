package scenario

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"time"
)

// object is a JSON object.
type object = map[string]any

// schemaID names the schema; it is not fetched.
const schemaID = "https://trimtab-lb.github.io/scenario.schema.json"

// Schema returns the JSON schema (draft 2020-12) of a file. It knows shapes,
// names and ranges; what has to go together, and ranges of times, only [Parse]
// checks.
func Schema() ([]byte, error) {
	comments, err := commentsOf()
	if err != nil {
		return nil, err
	}
	g := generator{comments: comments, definitions: object{}}
	root := g.structure(reflect.TypeFor[File]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["$id"] = schemaID
	root["title"] = "trimtab scenario"
	root["$defs"] = g.definitions
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("scenario schema: %w", err)
	}
	return append(text, '\n'), nil
}

// generator walks the types that the decoder fills, by the same tags.
type generator struct {
	comments    comments
	definitions object
}

// reference defines a struct once and refers to it.
func (g *generator) reference(t reflect.Type) object {
	if _, known := g.definitions[t.Name()]; !known {
		g.definitions[t.Name()] = nil // until it is made
		g.definitions[t.Name()] = g.structure(t)
	}
	return object{"$ref": "#/$defs/" + t.Name()}
}

func (g *generator) structure(t reflect.Type) object {
	if kinds := variants(t); kinds != nil {
		return g.variant(t, kinds)
	}
	all := fieldsOf(t)
	properties := object{}
	required := []string{}
	for _, f := range all {
		p := g.value(f.kind, f)
		if comment := g.comments.field(f); comment != "" {
			p["description"] = comment
		}
		if f.standard != "" && f.kind.Kind() != reflect.Slice && f.kind.Kind() != reflect.Pointer {
			p["default"] = g.standard(f)
		}
		properties[f.key] = p
		if f.required {
			required = append(required, f.key)
		}
	}
	out := object{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["required"] = required
	}
	var groups []any
	for _, keys := range choices(all) {
		var one []any
		for _, key := range keys {
			one = append(one, object{"required": []string{key}})
		}
		groups = append(groups, object{"oneOf": one})
	}
	if len(groups) > 0 {
		out["allOf"] = groups
	}
	if comment := g.comments.types[t.Name()]; comment != "" {
		out["description"] = comment
	}
	if bare, ok := bareField(t); ok {
		return object{"anyOf": []any{g.value(bare.kind, bare), out}}
	}
	return out
}

// variant is one of several structs, told apart by the key "kind".
func (g *generator) variant(t reflect.Type, kinds map[string]reflect.StructField) object {
	var all []any
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		s := g.structure(kinds[kind].Type.Elem())
		s["properties"].(object)["kind"] = object{"const": kind}
		required, _ := s["required"].([]string)
		s["required"] = append([]string{"kind"}, required...)
		all = append(all, s)
	}
	return object{"oneOf": all, "description": g.comments.types[t.Name()]}
}

func (g *generator) value(t reflect.Type, f field) object {
	switch {
	case f.none != "":
		named := f
		named.none = ""
		return object{"oneOf": []any{object{"const": f.none}, g.value(t, named)}}
	case t.Kind() == reflect.Pointer:
		return g.value(t.Elem(), f)
	case t.Kind() == reflect.Struct:
		return g.reference(t)
	case t.Kind() == reflect.Slice:
		item := g.value(t.Elem(), field{})
		list := object{"type": "array", "items": item}
		if f.required {
			list["minItems"] = 1
		}
		if f.lone {
			return object{"anyOf": []any{list, item}}
		}
		return list
	case t.Kind() == reflect.Array:
		return object{"type": "array", "items": g.value(t.Elem(), f), "minItems": t.Len(), "maxItems": t.Len()}
	default:
		return scalarSchema(t, f)
	}
}

func scalarSchema(t reflect.Type, f field) object {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		sign := `\+?`
		if f.signed {
			sign = `[-+]?`
		}
		return object{"type": "string", "pattern": "^" + sign + "(" + durationPattern + ")+$"}
	case t == reflect.TypeFor[Rate]():
		return object{"type": "string", "pattern": ratePattern}
	case t == reflect.TypeFor[Share]():
		return object{"type": "string", "pattern": sharePattern}
	case t == reflect.TypeFor[Policy]():
		return object{"enum": policyNames()}
	case t.Kind() == reflect.Bool:
		return object{"type": "boolean"}
	case t.Kind() == reflect.String && len(f.oneof) > 0:
		return object{"enum": f.oneof}
	case t.Kind() == reflect.String:
		return object{"type": "string", "minLength": 1}
	}
	out := object{"type": "number"}
	if t.Kind() != reflect.Float64 {
		out["type"] = "integer"
	}
	for key, bound := range map[string]string{"minimum": f.min, "exclusiveMinimum": f.above, "maximum": f.max} {
		if bound != "" {
			out[key] = numberBound(bound)
		}
	}
	return out
}

// standard is a scalar default as JSON.
func (g *generator) standard(f field) any {
	if f.kind == reflect.TypeFor[time.Duration]() || f.kind == reflect.TypeFor[Share]() || f.kind.Kind() == reflect.String {
		return f.standard
	}
	if truth, err := strconv.ParseBool(f.standard); err == nil && f.kind.Kind() == reflect.Bool {
		return truth
	}
	return numberBound(f.standard)
}
