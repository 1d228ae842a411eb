package config

import (
	"fmt"
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
	v.from(path+".from", p)
	v.load(path, p)
	v.scale(path+".scale", p.Scale)
	v.shed(path, p)
	v.score(path+".score", p.Score)
	v.limits(path+".limits", p.Limits)
	v.targets(path, p, steered)
	v.endpoints(path, p)
	v.placedAt(path, p)
	if at := path + ".probe.path"; v.usable(at) && !strings.HasPrefix(p.Probe.Path, "/") {
		v.fail(at, "write /health", "must begin with /, is %q", p.Probe.Path)
	}
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
		kinds := []string{"haproxy", "agent_check", "envoy", "grpc", "redirect", "dns"}
		given := slices.DeleteFunc(slices.Clone(kinds), func(key string) bool { return !v.given(at + "." + key) })
		switch {
		case len(given) == 0:
			v.oneOf(at, kinds)
			continue
		case len(given) > 1:
			v.fail(at, `put "- " before each`, "has more than one kind of target: %s", strings.Join(given, ", "))
			continue
		case t.AgentCheck != nil:
			v.agentCheck(at+".agent_check", p, t.AgentCheck, steered)
			continue
		case t.Envoy != nil:
			v.envoy(at+".envoy", p, t.Envoy, steered)
			continue
		case t.GRPC != nil:
			v.grpc(at+".grpc", p, t.GRPC, steered)
			continue
		case t.Redirect != nil:
			v.redirect(at+".redirect", t.Redirect, steered)
			continue
		case t.DNS != nil:
			v.dns(at+".dns", t.DNS, steered)
			continue
		case h == nil:
			continue // reported as no target
		}
		at += ".haproxy"
		if !v.usable(at) {
			continue
		}
		v.absolute(at+".master_socket", h.MasterSocket)
		v.socket(at+".socket", h.Socket)
		if v.given(at + ".backend") {
			v.name(at+".backend", h.Backend)
		}
		v.absolute(at+".config_file", h.ConfigFile)
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

// absolute checks a path that may be absent.
func (v *validator) absolute(path, value string) {
	if v.given(path) && v.usable(path) && !strings.HasPrefix(value, "/") {
		v.fail(path, "", "must be an absolute path, is %q", value)
	}
}

func (v *validator) agentCheck(path string, p *Pool, a *AgentCheck, steered map[string]string) {
	if !v.usable(path) {
		return
	}
	v.listen(path+".listen", a.Listen, "where HAProxy's agent-checks connect, such as 10.0.0.9:9901")
	if v.given(path + ".pool") {
		v.name(path+".pool", a.Pool)
	}
	v.networks(path+".allow", a.Allow)
	if at := path + ".initial_weight"; v.usable(at) && (a.InitialWeight < 1 || a.InitialWeight > 256) {
		v.fail(at, "the weight in HAProxy's server lines; write 100 there and here",
			"is required, 1 to 256, as an agent's answer is a percentage of it")
	}
	for name, weight := range a.InitialWeights {
		if at := join(path+".initial_weights", name); v.usable(at) && (weight < 1 || weight > 256) {
			v.fail(at, "", "must be 1 to 256, is %d", weight)
		}
	}
	if len(p.Backends) == 0 && !p.Discovered() && v.usable(path[:strings.LastIndex(path, ".targets")]+".backends") {
		v.fail(path, "list them under backends, by HAProxy's server names, or write from: {dns: …} or {file: …}", "an agent cannot see a pool's backends")
	}
	pool := path[:strings.LastIndex(path, ".targets")]
	for i, b := range p.Backends {
		if at := pool + ".backends[" + strconv.Itoa(i) + "]"; b.Address == "" && v.usable(at) && v.usable(at+".address") {
			v.fail(at, "write address: host:port", "needs an address: with agent_check, an ejected backend returns by a request to it")
		}
	}
	name := a.Pool
	if name == "" {
		name = p.Name
	}
	if a.Listen != "" {
		v.unique(steered, path, "target", "agent_check "+a.Listen+" "+name)
	}
}

// agentListeners refuses two lists of who may ask for one listener.
func (v *validator) agentListeners(pools []Pool) {
	type list struct {
		path     string
		networks []string
	}
	lists := map[string]list{}
	for i, p := range pools {
		for k, t := range p.Targets {
			if t.AgentCheck == nil {
				continue
			}
			l := list{fmt.Sprintf("pools[%d].targets[%d].agent_check", i, k), slices.Sorted(slices.Values(t.AgentCheck.Allow))}
			first, again := lists[t.AgentCheck.Listen]
			if !again {
				lists[t.AgentCheck.Listen] = l
				continue
			}
			if at := l.path + ".allow"; !slices.Equal(first.networks, l.networks) && v.usable(l.path) && v.usable(at) {
				v.fail(at, fmt.Sprintf("first on line %d; one listener has one list", v.places[first.path].line),
					"differs from what another target allows on %s", t.AgentCheck.Listen)
			}
		}
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
