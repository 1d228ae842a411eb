package scorer

import "time"

// Missing is what a backend gets whose weight is not known.
type Missing uint8

const (
	// MissingMean gives it the mean of the others, as gRPC does.
	MissingMean Missing = iota
	// MissingMedian gives it their median, as Envoy does.
	MissingMedian
)

// A58Config is the configuration of weighted_round_robin as in gRFC A58. The
// zero value of every duration means its default there.
type A58Config struct {
	// Blackout is how long after its first report a backend's weight is not used
	// yet; the default is 10 s, negative is none.
	Blackout time.Duration
	// Expiry is how long a weight is used after its last report; the default is
	// 3 min.
	Expiry time.Duration
	// ErrorPenalty is error_utilization_penalty.
	ErrorPenalty float64
	// Smoothing is the part of a new report in the moving average of what is
	// reported, as backends keep it that report for every request; 0 means 1,
	// none.
	Smoothing float64
	// Missing is what a backend gets without a weight.
	Missing Missing
}

// DefaultA58 is gRPC's: the values of the gRFC, and reports as averages with a
// part of 0.3 for the newest second.
func DefaultA58() A58Config {
	return A58Config{ErrorPenalty: 1, Smoothing: 0.3}
}

// DefaultORCA is Envoy's client_side_weighted_round_robin: the same formula on
// reports as they are, and the median for who has none.
func DefaultORCA() A58Config {
	return A58Config{ErrorPenalty: 1, Missing: MissingMedian}
}

func (c A58Config) withDefaults() A58Config {
	setDefault(&c.Blackout, 10*time.Second)
	setDefault(&c.Expiry, 3*time.Minute)
	setDefault(&c.Smoothing, 1)
	return c
}
