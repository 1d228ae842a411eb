package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/token"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

// Push takes load reports, all of them or none. Errors are [web.ErrUnauthorized],
// [web.ErrForbidden], [web.ErrNotFound], [web.ErrBadRequest], [web.ErrUnavailable]
// and trouble with token files. It is safe for concurrent use.
func (f *Fleet) Push(_ context.Context, by web.Pusher, reports []source.PushRequest) error {
	pools := map[string]*pool{}
	for _, p := range *f.pools.Load() {
		pools[p.config.Name] = p
	}
	if err := allowed(pools, by, reports); err != nil {
		return err
	}
	for i, r := range reports {
		if err := pools[r.Pool].push.Check(r.Pushed); err != nil {
			return fmt.Errorf("report %d: pool %q: %w", i, r.Pool, blamePush(err))
		}
	}
	taken := map[string][]source.Pushed{}
	for _, r := range reports {
		taken[r.Pool] = append(taken[r.Pool], r.Pushed)
	}
	now := time.Now()
	for name, list := range taken {
		pools[name].push.Take(now, list)
	}
	return nil
}

func blamePush(err error) error {
	switch {
	case errors.Is(err, source.ErrMembersUnknown):
		return fmt.Errorf("%w: %w", web.ErrUnavailable, err)
	case errors.Is(err, source.ErrNoBackend):
		return fmt.Errorf("%w: %w", web.ErrNotFound, err)
	default:
		return fmt.Errorf("%w: %w", web.ErrBadRequest, err)
	}
}

// allowed checks that the pools are there, take reports, and take them from whoever
// has sent these. Who shows no token that is good for any pool is told nothing.
func allowed(pools map[string]*pool, by web.Pusher, reports []source.PushRequest) error {
	verdicts, err := verdictsOn(pools, by, reports)
	if err != nil {
		return err
	}
	if !by.Admin && !anyTrue(verdicts) {
		return fmt.Errorf("%w: no pool takes load reports by this token", web.ErrUnauthorized)
	}
	for i, r := range reports {
		p := pools[r.Pool]
		switch {
		case p == nil:
			return fmt.Errorf("report %d: %w: pool %q", i, web.ErrNotFound, r.Pool)
		case p.push == nil:
			return fmt.Errorf("report %d: pool %q: %w: it takes no pushed reports: add push to its load", i, r.Pool, web.ErrBadRequest)
		case !verdicts[r.Pool] && by.Token == "":
			return fmt.Errorf("report %d: pool %q: %w: it needs the token of its push", i, r.Pool, web.ErrUnauthorized)
		case !verdicts[r.Pool]:
			return fmt.Errorf("report %d: pool %q: %w: the token is not this pool's", i, r.Pool, web.ErrForbidden)
		}
	}
	return nil
}

// verdictsOn says of the pools that the reports are for whether they take them from
// whoever shows this token; of the others only where none of these does. A pool without
// a token of its own has the admin server's rule.
func verdictsOn(pools map[string]*pool, by web.Pusher, reports []source.PushRequest) (map[string]bool, error) {
	verdicts := map[string]bool{}
	var unreadable error
	judge := func(name string, p *pool) {
		if _, known := verdicts[name]; known || p == nil || p.push == nil {
			return
		}
		takes, err := p.takesFrom(by)
		if err != nil {
			unreadable = err
		}
		verdicts[name] = takes
	}
	for _, r := range reports {
		judge(r.Pool, pools[r.Pool])
	}
	if anyTrue(verdicts) {
		return verdicts, nil
	}
	for name, p := range pools {
		judge(name, p)
	}
	if unreadable != nil && !anyTrue(verdicts) {
		return nil, fmt.Errorf("%w: a token file cannot be used, see the log", web.ErrUnavailable)
	}
	return verdicts, nil
}

// takesFrom says whether the pool takes reports from somebody.
func (p *pool) takesFrom(by web.Pusher) (bool, error) {
	if p.pushToken == "" {
		return by.Admin, nil
	}
	want, err := token.Read(p.pushToken)
	if err != nil && !p.pushFailed.Swap(true) { // once, not for each request that anybody may send
		p.log.Error("no load reports are taken for the pool", "error", err)
	}
	if err != nil {
		return false, err
	}
	p.pushFailed.Store(false)
	return by.Token != "" && token.Equal(by.Token, want), nil
}

func anyTrue(of map[string]bool) bool {
	for _, v := range of {
		if v {
			return true
		}
	}
	return false
}
