package advice

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
	"github.com/trimtab-lb/trimtab/scorer"
)

const (
	// leastMeasured is on how many requests a dispersion must be measured to say
	// anything, and settledSeconds for how long a pool must be watched for what it
	// went through at its start to be forgotten.
	leastMeasured  = 300
	settledSeconds = 120
	// sameDispersion is a quotient of two measures that is noise; by counts that also
	// has what waiting adds, sameByCounts.
	sameDispersion = 1.6
	sameByCounts   = 2
	// telling is by what the dispersions of the most and the least varied demand must
	// differ for the variation to be told by them.
	telling = 2
	// measuredRate bounds the requests per second, and the next two the time, that are
	// simulated for a measure.
	measuredRate    = 4000
	measuredLeast   = time.Minute
	measuredMost    = 20 * time.Minute
	measuredCounted = 20_000
)

// variations are the squared coefficients of variation that are tried: from equal
// requests to those of a video site.
func variations() []float64 { return []float64{0, 0.3, 1, 4, 16, 64} }

// seenDispersion is the better of the two measures; nil when neither says anything.
// What reported utilization leaves unexplained of completions is what requests differ
// by; what is in flight leaves more.
func (p *pool) seenDispersion() *observation.Dispersion {
	if p.doc.Seconds < settledSeconds {
		return nil
	}
	for _, d := range []*observation.Dispersion{&p.doc.ByReports, &p.doc.ByCounts} {
		byReports := d == &p.doc.ByReports
		if d.Requests >= leastMeasured && d.Ratio > 0 && (!byReports || !math.IsNaN(p.utilization)) {
			return d
		}
	}
	return nil
}

// matchDispersion finds the variation with which the pool's own law measures the
// dispersion that was seen. Where that cannot be told, it is that of exponential
// demand.
func (p *pool) matchDispersion(ctx context.Context, g group, m *model) error {
	m.variation, m.guessed = 1, true
	seen := p.seenDispersion()
	if seen == nil {
		return nil
	}
	byReports := seen == &p.doc.ByReports
	tried, same := variations(), math.Log(sameDispersion)
	if !byReports {
		// Below exponential demand, counts show little but how requests wait.
		tried, same = tried[slices.Index(tried, 1):], math.Log(sameByCounts)
	}
	logs := make([]float64, len(tried))
	for i, v := range tried {
		at := *m
		at.variation = v
		d, err := p.dispersionIn(ctx, g, at, byReports)
		if err != nil {
			return err
		}
		logs[i] = math.Log(d)
	}
	m.variation, m.guessed = variationAt(math.Log(float64(seen.Ratio)), tried, logs, same)
	m.guessed = m.guessed || !byReports && m.variation == 1
	return nil
}

// variationAt reads the variation off from where the logarithm of a dispersion lies
// among those of the variations tried, which rise but for noise; a difference up to
// same is none.
func variationAt(seen float64, tried, logs []float64, same float64) (variation float64, guessed bool) {
	exponential := slices.Index(tried, 1)
	for i := 1; i < len(logs); i++ {
		logs[i] = max(logs[i], logs[i-1])
	}
	last := len(logs) - 1
	switch {
	case logs[last]-logs[0] < math.Log(telling):
		return 1, true
	case math.Abs(seen-logs[exponential]) < same:
		return 1, false // the simplest that explains it
	case seen <= logs[0]:
		return tried[0], false
	case seen >= logs[last]:
		return tried[last], false
	}
	i := slices.IndexFunc(logs, func(l float64) bool { return l >= seen })
	part := (seen - logs[i-1]) / (logs[i] - logs[i-1])
	// Between 0 and the next there is no logarithm.
	const offset = 0.1
	a, b := math.Log(tried[i-1]+offset), math.Log(tried[i]+offset)
	return math.Exp(a+part*(b-a)) - offset, false
}

// dispersionIn simulates the pool in real time, as what the law measures has its own
// times, and returns what its law measures. A few servers are enough: the measure is
// of each.
func (p *pool) dispersionIn(ctx context.Context, g group, m model, byReports bool) (float64, error) {
	servers := mostServers
	if each := p.rate / float64(len(p.servers)); each > 0 {
		servers = min(servers, max(2, int(measuredRate/each)))
	}
	f := thin(p.file(g, m), servers)
	rate := float64(f.Traffic[0].Requests.Rate)
	for i := range f.Backends {
		// It knows the capacities from the start, as one does that has run for long.
		b := &f.Backends[i]
		b.Weight = rounded(b.Cores * min(1, 256/m.cores))
		b.CapacityHint = b.Weight
	}
	f.Warmup = 0
	f.Duration = min(max(time.Duration(measuredCounted/rate*float64(time.Second)), measuredLeast), measuredMost)
	var pool *scorer.Pool
	policy := simulate.PoolPolicy{Name: "measure", New: func(name string) (_ *scorer.Pool, err error) {
		pool, err = scorer.New(scorer.Config{Name: name, Kind: scorer.KindRequests, Trust: p.doc.Trust})
		return pool, err
	}}
	s := compile.Scenario(f)
	if _, err := simulate.One(ctx, &s, compile.Proxy(f.Proxy), f.Seed, policy.Policy()); err != nil {
		return 0, err
	}
	learned := pool.Learned()
	if byReports {
		return learned.ByReports.Ratio, nil
	}
	return learned.ByCounts.Ratio, nil
}
