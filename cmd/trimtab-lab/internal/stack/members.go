package stack

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/backend"
)

// Pool is the name of HAProxy's backend section and of Envoy's cluster.
const Pool = "pool"

// initialWeight is that of a backend that nobody has said anything about.
const initialWeight = 100

// defaultTimeout is how long an answer may take.
const defaultTimeout = time.Minute

func configs(running []*backend.Backend) []backend.Config {
	all := make([]backend.Config, len(running))
	for i, b := range running {
		all[i] = b.Config()
	}
	return all
}

// members gives names to the backends that have none, and weights to all if
// there are none at all.
func members(backends []backend.Config, weights []int) ([]backend.Config, []int, error) {
	if len(backends) == 0 {
		return nil, nil, errors.New("stack: no backends")
	}
	backends = slices.Clone(backends)
	for i := range backends {
		if backends[i].Name == "" {
			backends[i].Name = fmt.Sprintf("s%d", i+1)
		}
	}
	if weights == nil {
		weights = slices.Repeat([]int{initialWeight}, len(backends))
	}
	if len(weights) != len(backends) {
		return nil, nil, fmt.Errorf("stack: %d weights for %d backends", len(weights), len(backends))
	}
	return backends, weights, nil
}
