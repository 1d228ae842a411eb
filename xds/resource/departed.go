package resource

// Departed is a backend that has left the pool while it may still hold
// connections.
type Departed struct {
	Endpoint
	// InFlight is how many connections it holds; NaN when that is not known.
	InFlight float64
}

// staying are the departed that are still to be known to the data plane: Envoy
// forgets the open connections of an endpoint that it is not told of, for good.
// A backend of the same name or address has taken the place of one that left.
func staying(endpoints []Endpoint, departed []Departed) []Endpoint {
	if len(departed) == 0 {
		return nil
	}
	var out []Endpoint
	taken := make(map[string]bool, len(endpoints))
	for i := range endpoints {
		taken[endpoints[i].Backend] = true
		if _, canonical, err := parseAddress(endpoints[i].Address); err == nil {
			taken[canonical] = true
		}
	}
	for i := range departed {
		_, canonical, err := parseAddress(departed[i].Address)
		if departed[i].InFlight <= 0 || err != nil || taken[canonical] || taken[departed[i].Backend] {
			continue
		}
		taken[canonical], taken[departed[i].Backend] = true, true
		out = append(out, departed[i].Endpoint)
	}
	return out
}
