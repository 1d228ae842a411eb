package policy

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"time"
)

const (
	systemBinary = "/usr/sbin/haproxy"
	// validateTimeout is enough for thousands of certificates.
	validateTimeout = 2 * time.Minute
)

// validate runs "haproxy -c" and returns what it says when it does not like the
// files.
func validate(ctx context.Context, binary string, files []string) (said string, err error) {
	if binary == "" {
		if binary, err = find(); err != nil {
			return "", err
		}
	}
	ctx, cancel := context.WithTimeout(ctx, validateTimeout)
	defer cancel()
	args := []string{"-c"}
	for _, f := range files {
		args = append(args, "-f", f)
	}
	command := exec.CommandContext(ctx, binary, args...)
	command.WaitDelay = time.Second
	out, err := command.CombinedOutput()
	if err != nil {
		return string(bytes.TrimSpace(out)), fmt.Errorf("%s -c: %w", binary, err)
	}
	return "", nil
}

// find looks where Debian has it, too: /usr/sbin is not in everybody's PATH.
func find() (string, error) {
	path, err := exec.LookPath("haproxy")
	if err == nil {
		return path, nil
	}
	if _, missing := os.Stat(systemBinary); missing == nil {
		return systemBinary, nil
	}
	return "", fmt.Errorf("no haproxy in PATH nor at %s to validate with: %w", systemBinary, err)
}
