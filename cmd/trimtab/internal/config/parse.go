package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxSize is far above any real configuration; it keeps a wrong path (a log, a
// device) from filling the memory.
const maxSize = 16 << 20

// Load reads and parses a file. An invalid file gives [Problems], an unreadable
// one the reason.
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(data) > maxSize {
		return nil, fmt.Errorf("configuration %s: larger than %d MiB", path, maxSize>>20)
	}
	return Parse(path, data)
}

// Parse turns YAML into a configuration with every default filled in. name
// stands for the file in messages. The error is [Problems], all at once.
func Parse(name string, data []byte) (*Config, error) {
	d := &decoder{file: name, places: map[string]place{}, broken: map[string]bool{}}
	c := &Config{}
	if root := d.document(data); root != nil {
		d.decode(root, reflect.ValueOf(c).Elem(), "", "")
		if !d.broken[""] {
			(&validator{decoder: d}).config(c)
		}
	}
	if len(d.problems) > 0 {
		d.problems.Sort()
		return nil, d.problems
	}
	c.complete()
	effective, err := yaml.Dump(c)
	if err != nil {
		return nil, fmt.Errorf("configuration %s: write with defaults: %w", name, err)
	}
	c.effective = effective
	return c, nil
}

// document returns the root of the file's only document, nil when there is
// none to go on with.
func (d *decoder) document(data []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithUniqueKeys(false))
	if err != nil {
		d.report(place{1, 1}, "", "", "cannot be read as YAML: %v", err)
		return nil
	}
	var doc, second yaml.Node
	switch err := loader.Load(&doc); {
	case errors.Is(err, io.EOF):
		d.report(place{1, 1}, "", "it needs at least pools", "the file is empty")
		return nil
	case err != nil:
		d.syntax(err)
		return nil
	}
	if err := loader.Load(&second); err == nil {
		d.report(placeOf(&second), "", "put everything into one", "a second YAML document begins here")
	} else if !errors.Is(err, io.EOF) {
		d.syntax(err)
	}
	if len(doc.Content) == 0 {
		d.report(place{1, 1}, "", "it needs at least pools", "the file is empty")
		return nil
	}
	return doc.Content[0]
}

func (d *decoder) syntax(err error) {
	at, message, hint := place{1, 1}, err.Error(), ""
	if e, ok := errors.AsType[*yaml.LoadError](err); ok {
		at, message = place{max(e.Mark.Line, 1), max(e.Mark.Column, 1)}, e.Message
		if strings.Contains(message, "cannot start any token") {
			hint = "YAML is indented with spaces, not tabs; text that begins with @ ` or % needs quotes"
		}
	}
	d.report(at, "", hint, "not YAML: %s", message)
}
