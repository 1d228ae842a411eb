package config

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// minStaleAfter leaves a report one whole step, taken every second, to count.
const minStaleAfter = 2 * time.Second

func (v *validator) pool(path string, p *Pool, steered map[string]string) {
	v.name(path+".name", p.Name)
	v.backends(path, p)
	v.load(path, p)
	v.score(path+".score", p.Score)
	v.limits(path+".limits", p.Limits)
	v.targets(path, p, steered)
}

func (v *validator) backends(path string, p *Pool) {
	list, from := path+".backends", path+".from"
	switch {
	case v.given(list) && v.given(from):
		v.fail(from, "remove one of the two", "a pool has either backends or from")
	case !v.usable(list) || !v.usable(from):
	case len(p.Backends) == 0 && !v.given(from):
		v.fail(list, "list them, or write from: haproxy to take them from the target", "backends or from is required")
	}
	names := map[string]string{}
	for i, b := range p.Backends {
		at := list + "[" + strconv.Itoa(i) + "]"
		if !v.usable(at) {
			continue
		}
		v.name(at+".name", b.Name)
		v.unique(names, at+".name", "backend", b.Name)
		if b.Address != "" {
			v.address(at+".address", b.Address, false)
		}
		v.above(at+".capacity", b.Capacity, 0)
	}
}

func (v *validator) score(path string, s Score) {
	if v.usable(path+".window") && s.Window <= 0 {
		v.fail(path+".window", "default 10s", "must be above 0")
	}
	sum := 0.0
	for name, c := range s.Coefficients {
		if c < 0 {
			v.fail(join(path, name), "0 leaves the signal out", "must not be negative, is %v", c)
		}
		sum += max(c, 0)
	}
	if len(s.Coefficients) > 0 && sum == 0 {
		v.fail(path, "", "at least one coefficient must be above 0")
	}
}

func (v *validator) limits(path string, l Limits) {
	if v.usable(path+".floor") && (l.Floor <= 0 || l.Floor > 1) {
		v.fail(path+".floor", "1 is the mean weight; default 0.05", "must be above 0 and at most 1, is %v", l.Floor)
	}
	if v.usable(path+".ceiling") && l.Ceiling < 1 {
		v.fail(path+".ceiling", "1 is the mean weight; default 20", "must be at least 1, is %v", l.Ceiling)
	}
	v.above(path+".step", l.Step, 0)
	v.share(path+".deadband", l.Deadband)
	v.share(path+".max_ejected", l.MaxEjected)
	if v.usable(path+".stale_after") && l.StaleAfter < minStaleAfter {
		v.fail(path+".stale_after", "a step is taken every second; default 10s", "must be at least 2s, is %s", l.StaleAfter)
	}
}

func (v *validator) above(path string, value, limit float64) {
	if v.usable(path) && value <= limit {
		v.fail(path, "", "must be above %v, is %v", limit, value)
	}
}

// share checks for 0 to less than 1.
func (v *validator) share(path string, value float64) {
	if v.usable(path) && (value < 0 || value >= 1) {
		hint := "0.05 is 5 percent"
		if value >= 1 {
			hint = "write " + strconv.FormatFloat(value/100, 'g', 6, 64) + " for " + strconv.FormatFloat(value, 'g', 6, 64) + " percent"
		}
		v.fail(path, hint, "must be at least 0 and below 1, is %v", value)
	}
}

func (v *validator) targets(path string, p *Pool, steered map[string]string) {
	list := path + ".targets"
	if len(p.Targets) == 0 && v.usable(list) {
		v.fail(list, "add - haproxy: {socket: /run/haproxy/admin.sock}", "at least one target is required")
	}
	for i, t := range p.Targets {
		at := list + "[" + strconv.Itoa(i) + "]"
		h := t.HAProxy
		if h == nil {
			v.oneOf(at, []string{"haproxy"})
			continue
		}
		at += ".haproxy"
		if !v.usable(at) {
			continue
		}
		v.socket(at+".socket", h.Socket)
		if v.given(at + ".backend") {
			v.name(at+".backend", h.Backend)
		}
		if v.given(at+".config_file") && v.usable(at+".config_file") && !strings.HasPrefix(h.ConfigFile, "/") {
			v.fail(at+".config_file", "", "must be an absolute path, is %q", h.ConfigFile)
		}
		if v.usable(at+".poll") && (h.Poll < 100*time.Millisecond || h.Poll > 5*time.Second) {
			v.fail(at+".poll", "default 200ms", "must be 100ms to 5s, is %s", h.Poll)
		}
		backend := h.Backend
		if backend == "" {
			backend = p.Name
		}
		v.steeredOnce(steered, at, h.Socket, backend)
	}
}

// steeredOnce refuses two hands on one wheel: they would undo each other's
// weights every second.
func (v *validator) steeredOnce(steered map[string]string, path, socket, backend string) {
	if socket == "" || backend == "" {
		return
	}
	v.unique(steered, path, "target", strings.TrimPrefix(socket, "unix@")+" "+backend)
}

// oneOf reports an entry that says none of what it could, unless its keys have
// been reported already.
func (v *validator) oneOf(path string, keys []string) {
	if !v.usable(path) || slices.ContainsFunc(v.problems, func(p Problem) bool {
		return strings.HasPrefix(p.Path, path+".")
	}) {
		return
	}
	v.fail(path, "", "needs one of: %s", strings.Join(keys, ", "))
}

func (v *validator) socket(path, value string) {
	switch {
	case !v.usable(path):
	case value == "":
		v.fail(path, "the path of HAProxy's stats socket, level admin", "is required")
	case strings.HasPrefix(strings.TrimPrefix(value, "unix@"), "/"):
	case strings.Contains(value, "/"):
		v.fail(path, "", "must be an absolute path or host:port, is %q", value)
	default:
		v.address(path, value, false)
	}
}
