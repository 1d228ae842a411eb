package advice

import (
	"context"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/observation"
)

// Version is that of the JSON form of [Advice].
const Version = 1

// Verdict is what kind of advice it is.
type Verdict string

const (
	// Change is that something else fits better, Keep that nothing does.
	Change Verdict = "change"
	Keep   Verdict = "keep"
	// Unsimulated is advice without figures, for what no simulation could show.
	Unsimulated Verdict = "unsimulated"
	// Unknown is that too little is known for any.
	Unknown Verdict = "unknown"
)

// Advice is for one pool.
type Advice struct {
	Version int    `json:"trimtab_advice"`
	Pool    string `json:"pool"`
	Seen    Seen   `json:"seen"`
	// Parts has one entry for each kind of data plane and algorithm in force, in the
	// order of the targets; never empty.
	Parts []Part `json:"parts"`
	// Scenario is what was simulated of the first part, whole and in real time; nil
	// where nothing was.
	Scenario *scenario.File `json:"-"`
}

// Seen is what the advice is made from.
type Seen struct {
	// Seconds is for how long the pool was watched, at most some minutes.
	Seconds float64 `json:"seconds"`
	// Servers take work; Out has those that do not, each with its state.
	Servers int               `json:"servers"`
	Out     map[string]string `json:"out,omitempty"`
	// Proxies is how many share the traffic.
	Proxies int `json:"proxies"`
	// Rate is requests per second.
	Rate float64 `json:"rate"`
	// InFlight is requests in flight of a server and proxy, MeanMS their mean response
	// time, Utilization the reported one; nil where not known.
	InFlight    *float64 `json:"in_flight_per_server_and_proxy"`
	MeanMS      *float64 `json:"mean_ms"`
	Utilization *float64 `json:"utilization"`
	// Apart is the strongest server's learned capacity over the weakest's, nil where
	// none is learned.
	Apart *float64 `json:"capacities_apart"`
}

// Part is the advice for one kind of data plane.
type Part struct {
	Plane   observation.Plane `json:"plane"`
	Targets []string          `json:"targets"`
	// InForce is how it balances now.
	InForce Choice  `json:"in_force"`
	Verdict Verdict `json:"verdict"`
	// Choice is what fits; nil without a verdict about that.
	Choice *Choice `json:"choice"`
	// Says is the advice in a sentence or two.
	Says string `json:"advice"`
	// Apply is how to follow it, Assumptions what it rests on, NotKnown what could not
	// be found out; never null.
	Apply       []string `json:"apply"`
	Assumptions []string `json:"assumptions"`
	NotKnown    []string `json:"not_known"`
	// Plays are the simulations, one for each utilization that the pool may have.
	Plays []Play `json:"plays"`
}

// Choice is one way of balancing.
type Choice struct {
	// Algorithm is by the name that the data plane's own configuration has, with what
	// differs from its defaults.
	Algorithm string `json:"algorithm"`
	// Weights are "as now", "configured", "equal", or a law's, such as "trimtab".
	Weights string `json:"weights"`
}

// Play is every candidate on the same requests.
type Play struct {
	// Utilization is the mean of the pool; Assumed is that nobody reports it.
	Utilization float64 `json:"utilization"`
	Assumed     bool    `json:"assumed"`
	// Cores is what all servers have together, DemandMS the mean time that a request
	// keeps one busy, and Variation the squared coefficient of variation of that:
	// 0 for equal requests, 1 for exponential ones.
	Cores     float64 `json:"cores"`
	DemandMS  float64 `json:"demand_ms"`
	Variation float64 `json:"demand_variation"`
	// Seeds is how many sets of requests there were.
	Seeds int `json:"seeds"`
	// Rows are the candidates; the first is in force unless that cannot be simulated.
	Rows []Row `json:"candidates"`
}

// Row is how one candidate did: medians over the seeds.
type Row struct {
	Choice
	InForce bool `json:"in_force"`
	// Overloads is that some server gets more than it can do, so that response times
	// grow for as long as that lasts and mean nothing.
	Overloads bool    `json:"overloads"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Mean      float64 `json:"mean_ms"`
	// Gain is by how much p99 is below that of what is in force, as a share of it, and
	// GainLeast and GainMost those of single seeds; nil where what is in force was not
	// simulated.
	Gain      *float64 `json:"gain"`
	GainLeast *float64 `json:"gain_least"`
	GainMost  *float64 `json:"gain_most"`

	candidate candidate
	p99       []float64 // of each seed
}

// Options are how to go about it.
type Options struct {
	// Seeds is how many sets of requests each candidate is played on, at least 1.
	Seeds int
	// Utilization is what the pool's mean is taken to be where it is not reported;
	// 0 for unknown.
	Utilization float64
}

// For makes advice from what was seen of a pool. It takes some seconds of all
// processors. Errors are the context's, and trouble of the simulation.
func For(ctx context.Context, d observation.Document, o Options) (Advice, error) {
	p := poolOf(d)
	out := Advice{Version: Version, Pool: d.Pool, Seen: p.seen()}
	for _, g := range groupsOf(d) {
		part, file, err := p.advise(ctx, g, o)
		if err != nil {
			return Advice{}, err
		}
		out.Parts = append(out.Parts, part)
		if out.Scenario == nil {
			out.Scenario = file
		}
	}
	return out, nil
}

// advise finds what fits one group of targets.
func (p *pool) advise(ctx context.Context, g group, o Options) (Part, *scenario.File, error) {
	part := Part{
		Plane: g.plane, Targets: g.targets, InForce: p.inForce(g).choice(),
		Apply: []string{}, Assumptions: []string{}, NotKnown: p.notKnown(g), Plays: []Play{},
	}
	if r := p.refuse(g); r != nil {
		part.Verdict, part.Choice, part.Says, part.Apply = r.verdict, r.choice, r.says, append(part.Apply, r.apply...)
		return part, nil, nil
	}
	models, err := p.fit(ctx, g, o.Utilization)
	if err != nil {
		return Part{}, nil, err
	}
	if part.Plays, err = p.play(ctx, g, models, o.Seeds); err != nil {
		return Part{}, nil, err
	}
	middle := models[len(models)/2]
	file := p.file(g, middle)
	p.choose(g, &part)
	part.Assumptions = p.assumptions(g, models)
	return part, &file, nil
}
