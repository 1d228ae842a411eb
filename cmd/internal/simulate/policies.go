package simulate

import "fmt"

// Policies lists the policies that users know by name.
func Policies() []Policy {
	return []Policy{
		Roundrobin(), Leastconn(), Equal(),
		Omniscient(), OmniscientBest(), Truth(),
		AgentCheck().Policy(), A58().Policy(), Utilization().Policy(), ORCA().Policy(),
		Trimtab().Policy(), TrimtabNoReports().Policy(),
	}
}

// PolicyNamed returns one of [Policies].
func PolicyNamed(name string) (Policy, error) {
	var known []string
	for _, p := range Policies() {
		if p.Name == name {
			return p, nil
		}
		known = append(known, p.Name)
	}
	return Policy{}, fmt.Errorf("policy %q: known are %v", name, known)
}
