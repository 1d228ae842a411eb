package instance

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// harmless is what Envoy warns of in every bootstrap that sets no limit to all
// its listeners together, which is an operator's decision and not a mistake.
const harmless = "no configured limit to the number of allowed active downstream connections"

// warnings are the lines of a log that a person should act on.
func warnings(log string) string {
	var out []string
	for line := range strings.Lines(log) {
		level := strings.Contains(line, "[warning]") || strings.Contains(line, "[error]") || strings.Contains(line, "[critical]")
		if level && !strings.Contains(line, harmless) {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// Warnings are the warnings and errors that Envoy has logged so far, without the
// one about unlimited downstream connections.
func (in *Instance) Warnings() string { return warnings(in.Output()) }

// Validate has Envoy read a bootstrap without running it. The error carries what
// Envoy says, and warnings are an error, too: Envoy only warns of what the next
// release will refuse.
func Validate(ctx context.Context, binary, config string) error {
	dir, err := os.MkdirTemp("", "env")
	if err != nil {
		return fmt.Errorf("envoy validate: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "envoy.yaml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return fmt.Errorf("envoy validate: %w", err)
	}
	check := exec.CommandContext(ctx, binary, "--mode", "validate", "--log-level", "warning", "-c", file)
	check.WaitDelay = stopTimeout
	said, err := check.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s --mode validate: %w:\n%s", binary, err, said)
	}
	if warned := warnings(string(said)); warned != "" {
		return fmt.Errorf("%s --mode validate warns:\n%s", binary, warned)
	}
	return nil
}
