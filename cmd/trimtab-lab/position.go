package main

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v4"
)

// position is file:line of an item of a list of a file that has been parsed; only
// the file where the line cannot be told any more.
func position(file, list string, item int) string {
	data, err := os.ReadFile(file)
	if err != nil {
		return file
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil || len(doc.Content) == 0 {
		return file
	}
	root := doc.Content[0]
	for i := 0; i+1 < len(root.Content); i += 2 {
		if items := root.Content[i+1].Content; root.Content[i].Value == list && item < len(items) {
			return fmt.Sprintf("%s:%d", file, items[item].Line)
		}
	}
	return file
}
