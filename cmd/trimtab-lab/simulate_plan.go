package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/internal/compile"
	"github.com/trimtab-lb/trimtab/cmd/internal/scenario"
	"github.com/trimtab-lb/trimtab/cmd/internal/simulate"
	"github.com/trimtab-lb/trimtab/cmd/trimtab-lab/internal/judgement"
)

// plan is what will be simulated: entries without results, and parallel to them
// how they come to have some.
type plan struct {
	findings
	matches []simulate.Match
	seeds   int
}

func (c simulateCommand) plan(files []source) (*plan, error) {
	p := &plan{seeds: c.Seeds, findings: findings{figures: c.Figures}}
	for _, f := range files {
		f.askFor(c.Policies)
		for _, name := range c.Proxies {
			if err := p.add(f, name); err != nil {
				return nil, err
			}
		}
	}
	p.shown = len(p.entries)
	if !c.Figures {
		return p, nil
	}
	for _, f := range files {
		if err := p.addForFigures(f); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// add is for a scenario behind its own proxy, or behind the one of that name.
func (p *plan) add(f source, proxy string) error {
	e := entryBehind(f, proxy)
	m, err := compile.Match(e.File, p.seeds)
	if err != nil {
		return fmt.Errorf("%s: %w", f.from, err)
	}
	if slices.ContainsFunc(p.matches, func(other simulate.Match) bool {
		return other.Scenario.Name == m.Scenario.Name && other.Scenario.Behind(other.Proxy) == m.Scenario.Behind(m.Proxy)
	}) {
		return nil // own is that one
	}
	p.entries, p.matches = append(p.entries, e), append(p.matches, m)
	return nil
}

// entryBehind is an entry without results, behind the proxy of that name.
func entryBehind(f source, proxy string) judgement.Entry {
	e := judgement.Entry{File: f.File, Drawn: f.drawn}
	if other, ok := proxyNamed(proxy); ok {
		e.File = f.Behind(other)
		e.Instead = compile.Behind(e.File) != compile.Behind(f.File)
	}
	return e
}

// addForFigures adds what only figures need, with the policies that they
// compare.
func (p *plan) addForFigures(f source) error {
	if f.drawn {
		return nil
	}
	f.Policies = []scenario.Policy{scenario.PolicyOmniscient, scenario.PolicyTrimtab, scenario.PolicyTrimtabNoReports}
	for _, proxy := range judgement.Behind() {
		if err := p.add(f, judgement.ProxyName(proxy)); err != nil {
			return err
		}
	}
	if !slices.Contains(judgement.FirstMinute(), f.Name) {
		return nil
	}
	f.Name += judgement.Later
	f.Warmup, f.Duration = time.Minute, 4*time.Minute
	return p.add(f, ownProxy)
}

// play simulates all of it.
func (p *plan) play(ctx context.Context, log io.Writer) (*simulated, error) {
	progress := newProgress(log, "simulated", len(p.matches)*p.seeds)
	verdicts, err := simulate.Play(ctx, p.matches, func(match int) { progress.done(p.entries[match].File.Name) })
	progress.end()
	if err != nil {
		return nil, err
	}
	for i := range verdicts {
		p.entries[i].Summary = simulate.Summarize(verdicts[i])[0]
	}
	return &simulated{p}, nil
}
