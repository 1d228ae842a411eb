package main

import (
	"fmt"
	"io"
	"os"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

// simulated is a plan whose entries have results.
type simulated struct{ *plan }

// intoReadme puts the table into a document, if there is one.
func (s *simulated) intoReadme(path string) error {
	if path == "" {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--readme: %w", err)
	}
	replaced, err := judgement.Replace(string(text), judgement.Markdown(s.entries[:s.shown]))
	if err != nil {
		return fmt.Errorf("--readme %s: %w", path, err)
	}
	return saved(path, func(w io.Writer) error {
		_, err := io.WriteString(w, replaced)
		return err
	})
}
