package compile

import (
	"fmt"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/scorer"
)

// standardChoices is Envoy's choice_count where nothing is said.
const standardChoices = 2

// Proxy returns the proxy of a file. What is as usual is left out, so that it is
// not listed with every result.
func Proxy(p scenario.Proxy) simulate.Proxy {
	out := simulate.Proxy{Kind: simulate.KindHAProxy, Algorithm: algorithm(p.Balance)}
	if p.Kind != scenario.Envoy {
		return out
	}
	out.Kind, out.FullScan = simulate.KindEnvoy, p.FullScan
	if p.Workers != simulate.DefaultWorkers {
		out.Workers = p.Workers
	}
	if p.ChoiceCount != standardChoices {
		out.Choices = p.ChoiceCount
	}
	if p.Bias != nil && *p.Bias != 1 {
		out.Bias = p.Bias
	}
	return out
}

func algorithm(b scenario.Balance) scorer.Algorithm {
	switch b {
	case scenario.RandomTwo:
		return scorer.Random
	case scenario.Roundrobin, scenario.RoundRobin:
		return scorer.RoundRobin
	case scenario.LeastRequest:
		return scorer.LeastRequest
	default:
		return scorer.LeastConnections
	}
}

// Policies returns policies by their names.
func Policies(names []scenario.Policy) ([]simulate.Policy, error) {
	out := make([]simulate.Policy, 0, len(names))
	for _, name := range names {
		p, err := simulate.PolicyNamed(string(name))
		if err != nil {
			return nil, fmt.Errorf("scenario: %w", err)
		}
		out = append(out, p)
	}
	return out, nil
}
