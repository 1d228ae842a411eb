package page

import (
	"embed"
	"fmt"
	"html/template"
	"io"

	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

// Page is what is on one page.
type Page struct {
	// Entries are in the table, in that order.
	Entries []judgement.Entry
	// Figures are above it, if there are any.
	Figures []judgement.Figure
	// Charts are below it.
	Charts []Chart
}

// Chart is one scenario over time.
type Chart struct {
	judgement.Entry
	// Verdicts are of that entry; the first result of each that is applicable
	// has its Series.
	Verdicts []simulate.Verdict
}

//go:embed assets
var assets embed.FS

// Write writes the page.
func Write(w io.Writer, p Page) error {
	t, err := template.New("page.html").ParseFS(assets, "assets/page.html")
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	v, err := newView(p)
	if err != nil {
		return fmt.Errorf("page: %w", err)
	}
	if err := t.Execute(w, v); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	return nil
}

// library is a file of the assets.
func library(name string) (string, error) {
	text, err := assets.ReadFile("assets/" + name)
	return string(text), err
}
