package simulate

import "context"

// Contest is what to judge: every policy in every scenario under every
// proxy with every seed.
type Contest struct {
	Scenarios []Scenario
	Proxies   []Proxy
	Seeds     []uint64
	Policies  []Policy
	// Record keeps a Series with every result.
	Record bool
}

// Judge plays a contest. The verdicts come in the order of scenarios, then
// proxies, then policies.
func Judge(ctx context.Context, c Contest) ([]Verdict, error) {
	record := 0
	if c.Record {
		record = len(c.Seeds)
	}
	var matches []Match
	for _, s := range c.Scenarios {
		for _, p := range c.Proxies {
			matches = append(matches, Match{Scenario: s, Proxy: p, Seeds: c.Seeds, Policies: c.Policies, Record: record})
		}
	}
	played, err := Play(ctx, matches, nil)
	if err != nil {
		return nil, err
	}
	var out []Verdict
	for _, verdicts := range played {
		out = append(out, verdicts...)
	}
	return out, nil
}
