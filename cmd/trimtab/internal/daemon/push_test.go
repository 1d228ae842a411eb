package daemon

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/config"
	"github.com/trimtab-lb/trimtab/cmd/trimtab/internal/web"
	"github.com/trimtab-lb/trimtab/scorer"
	"github.com/trimtab-lb/trimtab/scorer/source"
)

func secret(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func reports(t *testing.T, body string) []source.PushRequest {
	t.Helper()
	out, err := source.DecodePush([]byte(body), 100)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestWhoMayPush(t *testing.T) {
	var log journal
	f := newFleet(t, Options{Logger: log.logger()})
	c := attached(t, filepath.Join(t.TempDir(), "s"), "own", "open", "none")
	c.Pools[0].Load = append(c.Pools[0].Load, config.LoadSource{Push: &config.PushLoad{TokenFile: secret(t, "s3cret")}})
	c.Pools[1].Load = append(c.Pools[1].Load, config.LoadSource{Push: &config.PushLoad{}})
	swap(t, f, c)
	pools := *f.pools.Load()
	for _, p := range pools[:2] {
		p.push.SetBackends([]scorer.Backend{{Name: "s1"}, {Name: "s2"}})
	}
	const (
		toOwn  = `{"pool": "own", "backend": "s1", "cpu": 0.5}`
		toOpen = `{"pool": "open", "backend": "s1", "cpu": 0.5}`
		both   = "[" + toOwn + "," + toOpen + "]"
	)
	admin, pusher, stranger := web.Pusher{Token: "admin", Admin: true}, web.Pusher{Token: "s3cret"}, web.Pusher{Token: "guess"}
	for _, tt := range []struct {
		name string
		by   web.Pusher
		body string
		is   error
		says string
	}{
		{"the pool's token", pusher, toOwn, nil, ""},
		{"the admin token where there is no other", admin, toOpen, nil, ""},
		{"loopback where there is no token", web.Pusher{Admin: true}, toOpen, nil, ""},
		{"the admin token is not the pool's", admin, toOwn, web.ErrForbidden, `pool "own"`},
		{"loopback is no token", web.Pusher{Admin: true}, toOwn, web.ErrUnauthorized, "needs the token"},
		{"the token of another pool", pusher, both, web.ErrForbidden, `report 1: pool "open"`},
		{"no token of any", stranger, toOwn, web.ErrUnauthorized, "no pool takes"},
		{"and nothing is told", stranger, `{"pool": "guess", "backend": "x", "cpu": 1}`, web.ErrUnauthorized, "no pool takes"},
		{"no such pool", pusher, `{"pool": "owm", "backend": "s1", "cpu": 1}`, web.ErrNotFound, `report 0: not found: pool "owm"`},
		{"a pool that takes none", pusher, `{"pool": "none", "backend": "s1", "cpu": 1}`, web.ErrBadRequest, "add push to its load"},
		{"no such backend", pusher, "[" + toOwn + `, {"pool": "own", "backend": "s9", "cpu": 1}]`, web.ErrNotFound, `report 1: pool "own": not found: no such backend: "s9"; the pool has s1, s2`},
		{"an impossible value", pusher, "[" + toOwn + `, {"pool": "own", "backend": "s2", "cpu": 55}]`, web.ErrBadRequest, `backend "s2": impossible value: cpu is percent`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			before := pools[0].push.Status()[0].Reports + pools[1].push.Status()[0].Reports
			err := f.Push(t.Context(), tt.by, reports(t, tt.body))
			if !errors.Is(err, tt.is) || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v, want %v that says %q", err, tt.is, tt.says)
			}
			after := pools[0].push.Status()[0].Reports + pools[1].push.Status()[0].Reports
			if (after > before) != (tt.is == nil) {
				t.Errorf("%d reports taken", after-before)
			}
		})
	}
	if err := os.Remove(c.Pools[0].Load[len(c.Pools[0].Load)-1].Push.TokenFile); err != nil {
		t.Fatal(err)
	}
	if err := f.Push(t.Context(), admin, reports(t, toOpen)); err != nil {
		t.Errorf("to another pool meanwhile: %v", err)
	}
	if n := log.count("no load reports are taken for the pool"); n != 0 {
		t.Error("the file of a pool was read for reports of another one")
	}
	for range 3 {
		if err := f.Push(t.Context(), pusher, reports(t, toOwn)); !errors.Is(err, web.ErrUnavailable) {
			t.Errorf("without the token file: %v", err)
		}
	}
	if n := log.count("no load reports are taken for the pool"); n != 1 {
		t.Errorf("the log says it %d times, want once", n)
	}
}

func TestATokenFileThatCannotBeUsedIsRefusedAtOnce(t *testing.T) {
	f := newFleet(t, Options{})
	c := attached(t, filepath.Join(t.TempDir(), "s"), "web")
	c.Pools[0].Load = []config.LoadSource{{Push: &config.PushLoad{TokenFile: "/nowhere/token"}}}
	if _, err := f.Prepare(c); err == nil || !strings.Contains(err.Error(), "/nowhere/token") {
		t.Errorf("error %v", err)
	}
}
