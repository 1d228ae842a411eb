package main

import (
	"fmt"
	"io"
	"os"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// scenarioCommand is what can be done with scenario files besides judging by
// them.
type scenarioCommand struct {
	Schema scenarioSchemaCommand `cmd:"" help:"Print the JSON schema of scenario files."`
	Check  scenarioCheckCommand  `cmd:"" help:"Say what is wrong with scenario files."`
	Draw   scenarioDrawCommand   `cmd:"" help:"Print a random scenario."`
}

type scenarioSchemaCommand struct{}

// Run is called by kong.
func (scenarioSchemaCommand) Run(e env) error {
	schema, err := scenario.Schema()
	if err != nil {
		return err
	}
	_, err = e.out.Write(schema)
	return err
}

type scenarioCheckCommand struct {
	File []string `arg:"" help:"Scenario files."`
}

// Run is called by kong. All files are looked at, whatever is wrong with the
// first.
func (c scenarioCheckCommand) Run(e env) error {
	wrong := false
	for _, name := range c.File {
		_, err := readScenario(name)
		if err == nil {
			if _, err := fmt.Fprintf(e.out, "%s: OK\n", name); err != nil {
				return err
			}
			continue
		}
		wrong = true
		_, _ = fmt.Fprintln(e.err, err)
	}
	if wrong {
		return errMissed
	}
	return nil
}

type scenarioDrawCommand struct {
	Seed uint64 `default:"1" help:"Seed of the scenario."`
}

// Run is called by kong.
func (c scenarioDrawCommand) Run(e env) error {
	text, err := scenario.Marshal(scenario.Draw(c.Seed))
	if err != nil {
		return err
	}
	_, err = e.out.Write(text)
	return err
}

// readScenario reads and parses a file. The error is [scenario.Problems] if the
// file could be read.
func readScenario(name string) (scenario.File, error) {
	f, err := os.Open(name)
	if err != nil {
		return scenario.File{}, fmt.Errorf("scenario: %w", err)
	}
	defer func() { _ = f.Close() }()
	// One byte more than may be parsed: that is how Parse sees it is too large.
	data, err := io.ReadAll(io.LimitReader(f, scenario.MaxSize+1))
	if err != nil {
		return scenario.File{}, fmt.Errorf("scenario: %w", err)
	}
	return scenario.Parse(name, data)
}
