package advice

import (
	"fmt"
	"math"
	"strings"

	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
)

// keepSays is the sentence for no change.
func (p *pool) keepSays(play Play) string {
	now := play.Rows[0]
	says := "No change: " + now.words() + " fits"
	if now.Overloads {
		says = "No change: " + now.words() + " overloads a server by what was simulated, and nothing else is clearly better"
	}
	nearest := -1
	for k := 1; k < len(play.Rows); k++ {
		if r := play.Rows[k]; r.Gain != nil && !r.Overloads && (nearest < 0 || *r.Gain > *play.Rows[nearest].Gain) {
			nearest = k
		}
	}
	if nearest < 0 {
		return says + "; of what else it can be told nothing is better."
	}
	best := play.Rows[nearest]
	switch {
	case *best.Gain <= 0:
		says += fmt.Sprintf("; the nearest other, %s, gains nothing (%s%s).", best.words(), percent(*best.Gain), best.spread(": "))
	case *best.Gain < best.noise():
		says += fmt.Sprintf("; the best other, %s, gains %s%s: below %s, which is noise.", best.words(), percent(*best.Gain), best.between(), percent(best.noise()))
	default:
		says += fmt.Sprintf("; %s would gain %s%s, but not at all utilizations that the pool may have, or at the cost of the mean.", best.words(), percent(*best.Gain), best.between())
	}
	if now.candidate.proxy.Balance == scenario.Roundrobin || now.candidate.proxy.Balance == scenario.RoundRobin {
		says += " Round robin is enough for what these servers are asked."
	}
	return says
}

// changeSays is the sentence for a change.
func (p *pool) changeSays(plays []Play, k int) string {
	middle := plays[len(plays)/2]
	row := middle.Rows[k]
	says := "Balance by " + row.words() + ": "
	if row.Gain == nil {
		return says + fmt.Sprintf("of what was simulated its p99 of %s is the lowest. What is in force is not simulated, so that the gain is not known; if it is there to keep clients at their server, nothing here does.", milliseconds(row.P99))
	}
	if middle.Rows[0].Overloads && !row.Overloads {
		return says + fmt.Sprintf("it overloads no server, which what is in force does by what was simulated; p99 is expected to be %s, %s.", milliseconds(row.P99), p.because(middle.Rows[0].candidate, row.candidate, middle))
	}
	says += fmt.Sprintf("p99 is expected to be %s lower%s, %s instead of %s", percent(*row.Gain), row.between(), milliseconds(row.P99), milliseconds(middle.Rows[0].P99))
	if len(plays) > 1 {
		low, high := math.Inf(1), math.Inf(-1)
		for _, play := range plays {
			low, high = min(low, *play.Rows[k].Gain), max(high, *play.Rows[k].Gain)
		}
		says += fmt.Sprintf(", or %s to %s at utilizations of %.0f to %.0f %%", percent(low), percent(high),
			100*plays[0].Utilization, 100*plays[len(plays)-1].Utilization)
	}
	return says + ", " + p.because(middle.Rows[0].candidate, row.candidate, middle) + "."
}

// because is why one candidate is better than another.
func (p *pool) because(now, best candidate, play Play) string {
	to := best.proxy
	var why []string
	if algorithmOf(now.plane, now.proxy) != algorithmOf(best.plane, to) {
		switch from := now.proxy.Balance; {
		case from == scenario.Leastconn && p.each() < 1:
			why = append(why, fmt.Sprintf("as with %.2g requests in flight of each server and proxy leastconn finds an idle server nearly always, and takes it whatever its weight", p.each()))
		case from == scenario.Roundrobin || from == scenario.RoundRobin:
			why = append(why, fmt.Sprintf("as round robin looks at nothing that is in flight, and %s", p.uneven(play)))
		case (to.Balance == scenario.Roundrobin || to.Balance == scenario.RoundRobin) && p.each() < 1:
			why = append(why, fmt.Sprintf("as each of %s sees too little to go by what is in flight", count(p.proxies, "proxy")))
		case to.Balance == scenario.Roundrobin || to.Balance == scenario.RoundRobin:
			why = append(why, "as requests are so alike that taking turns spreads them best, while nothing goes wrong with a server")
		case to.FullScan:
			why = append(why, "as all servers are compared instead of a few at random")
		case to.ChoiceCount > now.proxy.ChoiceCount:
			why = append(why, "as more servers are compared each time")
		case to.Bias != nil && now.proxy.Bias != nil && *to.Bias > *now.proxy.Bias:
			why = append(why, "as busy servers are spared more")
		default:
			why = append(why, "as it makes more of what is in flight")
		}
	}
	if best.weights != now.weights {
		switch best.weights {
		case equal:
			why = append(why, "as the servers are alike")
		case asNow, asConfigured:
			why = append(why, "as the weights that are configured fit already")
		default:
			why = append(why, fmt.Sprintf("as the servers' capacities are a factor of %.2g apart", p.capacitiesApart()))
		}
	}
	return strings.Join(why, " and ")
}

// uneven is in what way requests or servers are.
func (p *pool) uneven(play Play) string {
	switch {
	case p.capacitiesApart() > differ:
		return fmt.Sprintf("the servers' capacities are a factor of %.2g apart", p.capacitiesApart())
	case play.Variation >= 1:
		return "requests differ"
	default:
		return "they come at random"
	}
}

// between is what the seeds say, in brackets; nothing of only one.
func (r *Row) between() string {
	if spread := r.spread(""); spread != "" {
		return " (" + spread + ")"
	}
	return ""
}

func (r *Row) spread(before string) string {
	if len(r.p99) < 2 {
		return ""
	}
	return fmt.Sprintf("%s%s to %s over %s", before, percent(*r.GainLeast), percent(*r.GainMost), count(len(r.p99), "seed"))
}
