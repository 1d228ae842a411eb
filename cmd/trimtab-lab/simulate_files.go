package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// source is a scenario, and where it is from.
type source struct {
	scenario.File
	from  string
	drawn bool
}

// askFor makes others of the policies to be judged, if there are any.
func (s *source) askFor(policies []string) {
	if len(policies) == 0 {
		return
	}
	s.Policies = make([]scenario.Policy, len(policies))
	for i, name := range policies {
		s.Policies[i] = scenario.Policy(name)
	}
}

// files reads all that is to be judged.
func (c simulateCommand) files() ([]source, error) {
	out, err := readScenarios(c.Scenario)
	if err != nil {
		return nil, err
	}
	for i := range c.Draw {
		seed := c.DrawSeed + uint64(i)
		out = append(out, source{File: scenario.Draw(seed), from: fmt.Sprintf("the draw with seed %d", seed), drawn: true})
	}
	return out, unique(out)
}

// readScenarios reads files and what is in directories. The error has all that is
// wrong with all of it.
func readScenarios(files []string) ([]source, error) {
	var out []source
	var errs []error
	for _, given := range files {
		paths, err := scenarioPaths(given)
		errs = append(errs, err)
		for _, path := range paths {
			f, err := readScenario(path)
			errs = append(errs, err)
			out = append(out, source{File: f, from: path})
		}
	}
	return out, errors.Join(errs...)
}

// unique checks that results can be told apart.
func unique(all []source) error {
	from := make(map[string]string, len(all))
	var errs []error
	for _, s := range all {
		if other, again := from[s.Name]; again {
			errs = append(errs, fmt.Errorf("%s: scenario %s is in %s, too", s.from, s.Name, other))
		}
		from[s.Name] = s.from
	}
	return errors.Join(errs...)
}

// scenarioPaths is a file, or those of a directory, which has at least one.
func scenarioPaths(given string) ([]string, error) {
	info, err := os.Stat(given)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	if !info.IsDir() {
		return []string{given}, nil
	}
	entries, err := os.ReadDir(given)
	if err != nil {
		return nil, fmt.Errorf("scenario: %w", err)
	}
	var out []string
	for _, e := range entries {
		if !e.IsDir() && slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(e.Name())) {
			out = append(out, filepath.Join(given, e.Name()))
		}
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("scenario %s: no *.yaml or *.yml in the directory", given)
	}
	return out, nil
}
