package judgement

import (
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
)

// judged is a scenario of requests behind a proxy, with a p99 of 100 ms times
// each policy's regret; a negative one is not applicable.
func judged(name, proxy string, regrets map[scenario.Policy]float64, change ...func(*Entry)) Entry {
	e := Entry{
		File: scenario.File{
			Name: name, Backends: []scenario.Backend{{Name: "a", Settings: scenario.Settings{Cores: 2, Reports: scenario.ReportsOK, ReportScale: 1}}},
			Reports: &scenario.Reports{}, Traffic: []scenario.Traffic{{Requests: &scenario.Requests{}}},
		},
		Summary: simulate.Summary{Scenario: name, Run: simulated, Proxy: proxy, Seeds: 2, Valid: true},
	}
	for _, p := range scenario.Policies() {
		regret, ok := regrets[p]
		if !ok {
			continue
		}
		one := simulate.PolicySummary{Name: string(p), NotApplicable: "not here"}
		if regret >= 0 {
			one = simulate.PolicySummary{Name: string(p), Figures: &simulate.Figures{P99: 100 * regret, Regret: &regret, RegretWorst: &regret}}
		}
		e.Policies = append(e.Policies, one)
	}
	for _, c := range change {
		c(&e)
	}
	return e
}

// with changes a policy's figures.
func with(p scenario.Policy, change func(*simulate.Figures)) func(*Entry) {
	return func(e *Entry) { change(e.Figures(p)) }
}

func instead(e *Entry) { e.Instead = true }

func random(e *Entry) { e.Drawn = true }

func connections(e *Entry) { e.File.Traffic = []scenario.Traffic{{WebSockets: &scenario.WebSockets{}}} }

func unreported(e *Entry) { e.File.Reports = nil }

// r is short for what tests say most.
type r = map[scenario.Policy]float64
