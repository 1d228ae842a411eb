package instance

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

const (
	// environment names the variable with the program's path.
	environment = "TRIMTAB_ENVOY"
	// cached is where .ci/envoy sets the program up, below the user's cache
	// directory: a virtual environment for each version.
	cached = "trimtab/envoy/*/lib/python*/site-packages/envoy/_bin/envoy"
)

// Options say which Envoy to start and with what.
type Options struct {
	// Binary is the program's path; "" is what Find returns. The wrapper of the
	// Python package will not do: signals would not reach Envoy.
	Binary string
	// Config is the bootstrap as YAML or JSON. Its admin address, if it has one,
	// does not count.
	Config string
	// Concurrency is the number of worker threads; 0 means 2.
	Concurrency int
	// Args are further arguments of the command line.
	Args []string
	// Dir is where the instance's own temporary directory is made; "" is the
	// system's. The path of its socket is limited to 107 bytes.
	Dir string
}

// arguments leave hot restart out: it would bind names that are shared by all
// Envoys of the machine.
func (in *Instance) arguments() []string {
	concurrency := in.opts.Concurrency
	if concurrency == 0 {
		concurrency = 2
	}
	return append([]string{
		"-c", in.config,
		"--config-yaml", fmt.Sprintf("admin: {address: {pipe: {path: %q}}}", in.socket),
		"--disable-hot-restart",
		"--concurrency", strconv.Itoa(concurrency),
		"--log-level", "warning",
	}, in.opts.Args...)
}

// Find returns the path of Envoy: the one that TRIMTAB_ENVOY names, else the
// newest that .ci/envoy has set up.
func Find() (string, error) {
	if path := os.Getenv(environment); path != "" {
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("envoy of %s: %w", environment, err)
		}
		return path, nil
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("envoy instance: %w", err)
	}
	found, err := filepath.Glob(filepath.Join(cache, cached))
	if err != nil {
		return "", fmt.Errorf("envoy instance: %w", err)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("no envoy at %s and %s is not set: run .ci/envoy", filepath.Join(cache, cached), environment)
	}
	return found[len(found)-1], nil
}
