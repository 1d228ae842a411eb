package scenario

import (
	"embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
)

// sources are the files that declare the types of a scenario: their comments
// describe the keys in the schema, so that there is no second description.
//
//go:embed file.go proxy.go backend.go pool.go event.go traffic.go shed.go distribution.go
var sources embed.FS

// comments are what the sources say of types, and of their fields as
// Type.Field.
type comments struct{ types, fields map[string]string }

func (c comments) field(f field) string { return c.fields[f.owner.Name()+"."+f.name] }

func commentsOf() (comments, error) {
	out := comments{types: map[string]string{}, fields: map[string]string{}}
	entries, err := sources.ReadDir(".")
	if err != nil {
		return out, fmt.Errorf("scenario schema: %w", err)
	}
	for _, entry := range entries {
		text, err := sources.ReadFile(entry.Name())
		if err != nil {
			return out, fmt.Errorf("scenario schema: %w", err)
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return out, fmt.Errorf("scenario schema: %w", err)
		}
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				out.add(g)
			}
		}
	}
	return out, nil
}

func (c comments) add(g *ast.GenDecl) {
	for _, s := range g.Specs {
		t, ok := s.(*ast.TypeSpec)
		if !ok {
			continue
		}
		c.types[t.Name.Name] = flat(g.Doc)
		body, ok := t.Type.(*ast.StructType)
		if !ok {
			continue
		}
		for _, f := range body.Fields.List {
			for _, name := range f.Names {
				c.fields[t.Name.Name+"."+name.Name] = flat(f.Doc)
			}
		}
	}
}

// flat is a comment as one paragraph.
func flat(c *ast.CommentGroup) string { return strings.Join(strings.Fields(c.Text()), " ") }
