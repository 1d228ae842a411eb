package compile

import (
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// Match returns all that a file asks to be judged, with that many seeds from its
// own on, at least one.
func Match(f scenario.File, seeds int) (simulate.Match, error) {
	policies, err := Policies(f.Policies)
	if err != nil {
		return simulate.Match{}, fmt.Errorf("%s: %w", f.Name, err)
	}
	m := simulate.Match{Scenario: Scenario(f), Proxy: Proxy(f.Proxy), Policies: policies}
	for i := range seeds {
		m.Seeds = append(m.Seeds, f.Seed+uint64(i))
	}
	return m, nil
}
