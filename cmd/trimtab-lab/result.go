package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/google/renameio/v2"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/page"
)

// findings are what was found, in simulation or for real, for others to read.
type findings struct {
	entries []judgement.Entry
	// shown is how many of them are for tables and pages; the others are for the
	// figures only.
	shown int
	// figures is that these are wanted.
	figures bool
	// charts are for the page.
	charts []page.Chart
}

// What --output may say.
const (
	outputJSON = "json"
	outputHTML = "html"
)

func (f *findings) write(w io.Writer, output string) error {
	switch output {
	case outputJSON:
		return f.json(w)
	case outputHTML:
		return f.html(w)
	default:
		return f.table(w)
	}
}

func (f *findings) json(w io.Writer) error {
	summaries := make([]simulate.Summary, len(f.entries))
	for i := range f.entries {
		summaries[i] = f.entries[i].Summary
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(summaries)
}

func (f *findings) table(w io.Writer) error {
	if err := judgement.WriteTable(w, f.entries[:f.shown]); err != nil || !f.figures {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return judgement.WriteFigures(w, f.entries)
}

func (f *findings) html(w io.Writer) error {
	p := page.Page{Entries: f.entries[:f.shown], Charts: f.charts}
	if f.figures {
		p.Figures = judgement.Figures(f.entries)
	}
	return page.Write(w, p)
}

// save writes name.json and name.html to a directory, if there is one to write to.
func (f *findings) save(dir, name string) error {
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := saved(filepath.Join(dir, name+".json"), f.json); err != nil {
		return err
	}
	return saved(filepath.Join(dir, name+".html"), f.html)
}

// saved writes a file that is never seen half done.
func saved(path string, write func(io.Writer) error) error {
	f, err := renameio.NewPendingFile(path, renameio.WithPermissions(0o644))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = f.Cleanup() }()
	if err := write(f); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}
