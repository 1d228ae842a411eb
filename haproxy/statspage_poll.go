package haproxy

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer"
)

// Run polls until ctx ends. It outlives every failure: a poll that fails is
// logged once, and the next one tries again.
func (p *StatsPage) Run(ctx context.Context) {
	defer p.client.CloseIdleConnections()
	failing := false
	for ctx.Err() == nil {
		began := time.Now()
		err := p.poll(ctx)
		p.stats.polls.Add(1)
		if err != nil {
			p.stats.errors.Add(1)
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !failing:
			p.log.Error("HAProxy's statistics page cannot be read", "error", err)
		case err == nil && failing:
			p.log.Info("HAProxy's statistics page can be read again")
		}
		failing = err != nil
		// A page that takes longer than the interval is not asked without a pause.
		pause(ctx, max(p.config.PollInterval-time.Since(began), p.config.PollInterval/4))
	}
}

func (p *StatsPage) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, p.config.Timeout)
	defer cancel()
	at, err := p.fetch(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if err := p.read(at); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	return nil
}

// fetch reads the page into p.page. HAProxy makes it when its head arrives.
func (p *StatsPage) fetch(ctx context.Context) (at time.Time, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return at, fmt.Errorf("get the page: %w", err)
	}
	if p.config.Username != "" {
		request.SetBasicAuth(p.config.Username, p.config.Password)
	}
	response, err := p.client.Do(request)
	at = time.Now()
	if err != nil {
		return at, fmt.Errorf("get the page: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	switch response.StatusCode {
	case http.StatusOK:
	case http.StatusUnauthorized, http.StatusForbidden:
		return at, fmt.Errorf("get the page: status %d: user and password are not those of \"stats auth\"", response.StatusCode)
	default:
		return at, fmt.Errorf("get the page: status %d: %w", response.StatusCode, ErrUnexpected)
	}
	body := bytes.NewBuffer(p.page[:0])
	_, err = body.ReadFrom(io.LimitReader(response.Body, maxPage+1))
	p.page = body.Bytes()
	if err != nil {
		return at, fmt.Errorf("read the page: %w", err)
	}
	if len(p.page) > maxPage {
		return at, fmt.Errorf("read the page: longer than %d bytes: %w", maxPage, ErrUnexpected)
	}
	return at, nil
}

// Kinds of rows.
const (
	rowOfBackend = 1
	rowOfServer  = 2
)

// read makes reports, members and a view of the page.
func (p *StatsPage) read(at time.Time) error {
	p.rows = p.rows[:0]
	p.parser.rewind()
	algorithm, found := "", false
	if err := p.parser.parse(p.page, func(r *row) {
		switch {
		case r.backend != p.config.Backend:
		case r.kind == rowOfBackend:
			algorithm, found = r.algorithm, true
		case r.kind == rowOfServer:
			found = true
			p.rows = append(p.rows, *r)
		}
	}); err != nil {
		return err
	}
	if !found {
		p.gone()
		return nil
	}
	p.missing = false
	p.publish(at, algorithm)
	return nil
}

// gone is a page without the backend.
func (p *StatsPage) gone() {
	if !p.missing {
		p.missing = true
		p.log.Error("the statistics page has no such backend; check the name and \"stats scope\"")
	}
	p.view.Store(nil)
	clear(p.histories)
	p.announce([]scorer.Backend{})
}

func (p *StatsPage) publish(at time.Time, algorithm string) {
	v := &pageView{at: at, weights: make(map[string]int, len(p.rows))}
	if algorithm != "" {
		v.algorithm = algorithmOf(algorithm, fileBackend{}, "")
	}
	batch := make([]scorer.Report, 0, len(p.rows))
	members := make([]scorer.Backend, 0, len(p.rows))
	for i := range p.rows {
		r := &p.rows[i]
		v.weights[r.server] = r.weight
		members = append(members, p.member(r))
		h := p.histories[r.server]
		if h == nil {
			h = &history{}
			p.histories[r.server] = h
		}
		batch = append(batch, h.report(r.server, p.name, countsOf(r, at), inheritance{}))
	}
	if len(p.histories) > len(p.rows) {
		for name := range p.histories {
			if _, ok := v.weights[name]; !ok {
				delete(p.histories, name)
			}
		}
	}
	p.view.Store(v)
	p.announce(members)
	p.reports.send(batch)
}

func (p *StatsPage) member(r *row) scorer.Backend {
	b := scorer.Backend{Name: r.server, Address: r.address, Capacity: p.config.Capacities[r.server]}
	// The configured weight is not known: one of 0 is trimtab's more likely than
	// a person's.
	const notZero = 1
	b.Condition = server{status: r.status, weight: r.weight, initial: notZero}.condition()
	if p.config.AgentDrains && strings.HasPrefix(r.status, "DRAIN (agent)") {
		b.Condition = scorer.Up
	}
	return b
}

func (p *StatsPage) announce(members []scorer.Backend) {
	if p.announced != nil && slices.Equal(members, p.announced) {
		return
	}
	p.announced = members
	p.members.send(members)
}
