package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"

	"go.yaml.in/yaml/v4"

	"github.com/trimtab-lb/trimtab/cmd/internal/printable"
)

// MaxSize is the largest file that is parsed, in bytes: far above any real
// scenario, and little enough for a wrong path (a log, a trace) to do no harm.
const MaxSize = 4 << 20

// Parse reads a file and fills in its defaults. name stands for the file in
// messages. The error is [Problems], all at once.
func Parse(name string, data []byte) (File, error) {
	d := &decoder{file: name, places: map[string]place{}, broken: map[string]bool{}}
	var f File
	if root := d.document(data); root != nil {
		d.value(root, reflect.ValueOf(&f).Elem(), "", field{})
		if !d.broken[""] {
			(&validator{decoder: d}).file(f)
			f.Proxy.complete()
			for i := range f.Pools {
				if p := f.Pools[i].Proxy; p != nil {
					p.complete()
				}
			}
		}
	}
	if len(d.problems) > 0 {
		d.problems.Sort()
		return File{}, d.problems
	}
	return f, nil
}

// document returns the root of the file's only document, nil when there is
// none to go on with.
func (d *decoder) document(data []byte) *yaml.Node {
	start := place{1, 1}
	if len(data) > MaxSize {
		d.report(start, "", "", "larger than %d MiB", MaxSize>>20)
		return nil
	}
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithUniqueKeys(false))
	if err != nil {
		d.report(start, "", "", "cannot be read as YAML: %v", err)
		return nil
	}
	var doc, second yaml.Node
	err = loader.Load(&doc)
	if errors.Is(err, io.EOF) || err == nil && len(doc.Content) == 0 {
		d.report(start, "", "", "the file is empty")
		return nil
	}
	if err != nil {
		d.syntax(err)
		return nil
	}
	if err := loader.Load(&second); err == nil {
		d.report(placeOf(&second), "", "write one file for each scenario", "a second YAML document begins here")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	return doc.Content[0]
}

func (d *decoder) syntax(err error) {
	at, message := place{1, 1}, err.Error()
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		at, message = place{max(e.Mark.Line, 1), max(e.Mark.Column, 1)}, e.Message
	}
	d.report(at, "", "", "not YAML: %s", message)
}

// place is a position in the file, counted from 1.
type place struct{ line, column int }

func placeOf(n *yaml.Node) place { return place{max(n.Line, 1), max(n.Column, 1)} }

func (d *decoder) report(at place, path, hint, format string, args ...any) {
	d.problems = append(d.problems, Problem{
		File: d.file, Line: at.line, Column: at.column,
		Path: printable.Text(path), Message: printable.Text(fmt.Sprintf(format, args...)), Hint: printable.Text(hint),
	})
}
