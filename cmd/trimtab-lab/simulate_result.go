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

// simulated is a plan whose entries have results.
type simulated struct {
	*plan
	// charts are for the page.
	charts []page.Chart
}

func (s *simulated) json(w io.Writer) error {
	summaries := make([]simulate.Summary, len(s.entries))
	for i := range s.entries {
		summaries[i] = s.entries[i].Summary
	}
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	return out.Encode(summaries)
}

func (s *simulated) table(w io.Writer) error {
	if err := judgement.WriteTable(w, s.entries[:s.shown]); err != nil || !s.figures {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return judgement.WriteFigures(w, s.entries)
}

// save writes files, where there are any to write.
func (s *simulated) save(dir, readme string) error {
	if readme != "" {
		if err := s.intoReadme(readme); err != nil {
			return err
		}
	}
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("--out: %w", err)
	}
	if err := saved(filepath.Join(dir, "judge.json"), s.json); err != nil {
		return err
	}
	return saved(filepath.Join(dir, "judge.html"), s.html)
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

func (s *simulated) intoReadme(path string) error {
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
