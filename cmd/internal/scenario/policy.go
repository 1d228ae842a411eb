package scenario

// Policy is one way of giving weights, by name. One that the scenario's proxy
// cannot run is listed without figures.
type Policy string

// The policies.
const (
	// PolicyRoundrobin and PolicyLeastconn replace the scenario's algorithm
	// (Envoy: round_robin and least_request) and keep the configured weights.
	PolicyRoundrobin Policy = "roundrobin"
	PolicyLeastconn  Policy = "leastconn"
	// PolicyEqual keeps the configured weights under the scenario's algorithm.
	PolicyEqual Policy = "equal"
	// PolicyAgentCheck is HAProxy's agent-check with an agent that answers the
	// idle percentage.
	PolicyAgentCheck Policy = "agent-check"
	// PolicyA58 is gRFC A58's weighted round robin to the letter.
	PolicyA58 Policy = "a58"
	// PolicyUtilization steers every backend to the mean utilization (PID).
	PolicyUtilization Policy = "utilization"
	// PolicyORCA is Envoy's client_side_weighted_round_robin.
	PolicyORCA Policy = "orca"
	// PolicyOmniscient has fixed weights in proportion to true capacity,
	// PolicyOmniscientBest searches the exponent as well.
	PolicyOmniscient     Policy = "omniscient"
	PolicyOmniscientBest Policy = "omniscient-best"
	// PolicyTruth knows the true capacity anew each second.
	PolicyTruth Policy = "truth"
	// PolicyTrimtab is trimtab's default law, PolicyTrimtabNoReports the same
	// without the backends' reports.
	PolicyTrimtab          Policy = "trimtab"
	PolicyTrimtabNoReports Policy = "trimtab-noreports"
)

// Policies lists all there are.
func Policies() []Policy {
	return []Policy{
		PolicyRoundrobin, PolicyLeastconn, PolicyEqual, PolicyAgentCheck, PolicyA58, PolicyUtilization, PolicyORCA,
		PolicyOmniscient, PolicyOmniscientBest, PolicyTruth, PolicyTrimtab, PolicyTrimtabNoReports,
	}
}
