package scorer

// Condition is what the data plane or an operator says of a backend, apart
// from any weight.
type Condition uint8

const (
	// Up takes new work.
	Up Condition = iota
	// Draining takes no new work; what it has leaves in its own time.
	Draining
	// Down is failed by a health check or in maintenance: nobody's target.
	Down
)

func (c Condition) String() string {
	switch c {
	case Up:
		return "up"
	case Draining:
		return "draining"
	default:
		return "down"
	}
}

// Backend is one endpoint of a pool as configuration or discovery describes it.
type Backend struct {
	// Name is unique in its pool.
	Name string
	// Address is host:port, or empty when unknown.
	Address string
	// Capacity is the configured strength relative to the other backends:
	// cores, or the weight that a person chose. It is the law's starting point
	// and what trimtab falls back to. 0 or less means 1.
	Capacity float64
	// Condition is the backend's condition as last seen.
	Condition Condition
}
