package main

import (
	"context"
	"encoding/json"
	"io"
	"os"

	"github.com/charmbracelet/x/term"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/status"
)

type statusCommand struct {
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
	server
}

func (c statusCommand) Run(ctx context.Context, s *streams) error {
	document, err := status.Get(ctx, c.client())
	if err != nil {
		return err
	}
	return writeDocument(s.out, document, c.Output)
}

func writeDocument(w io.Writer, d status.Document, output string) error {
	if output == "json" {
		return writeJSON(w, d)
	}
	return d.WriteTable(w, status.TableOptions{Width: widthOf(w)})
}

// writeJSON writes what people may read, too.
func writeJSON(w io.Writer, v any) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(v)
}

// widthOf is a terminal's width, 0 for anything else.
func widthOf(w io.Writer) int {
	file, ok := w.(*os.File)
	if !ok || !term.IsTerminal(file.Fd()) {
		return 0
	}
	width, _, err := term.GetSize(file.Fd())
	if err != nil {
		return 0
	}
	return width
}
