package config

import (
	"net/url"
	"strconv"
	"strings"
)

func (v *validator) shed(pool string, p *Pool) {
	s, path := p.Shed, pool+".shed"
	if s == nil || !v.usable(path) {
		return
	}
	if at := path + ".stop_below"; v.usable(at) && s.StopBelow < 1 {
		v.fail(at, "1 is the backend's fair share", "must be at least 1, is %v", s.StopBelow)
	}
	if at := path + ".start_above"; v.usable(at) && v.usable(path+".stop_below") && s.StartAbove < max(s.StopBelow, 1) {
		v.fail(at, "default 1.05", "must be at least stop_below %v, is %v", max(s.StopBelow, 1), s.StartAbove)
	}
	if at := path + ".rate"; v.usable(at) && (s.Rate <= 0 || s.Rate > 1) {
		v.fail(at, "default 1%/s", "must be above 0 and at most 100%%/s, is %v%%/s", float64(s.Rate)*100)
	}
	if at := path + ".sharers"; v.usable(at) && s.Sharers < 1 {
		v.fail(at, "default 1", "must be at least 1, is %d", s.Sharers)
	}
	if s.Hook != nil {
		v.shedHook(path+".hook", s.Hook, pool, p)
	}
}

func (v *validator) shedHook(path string, h *ShedHook, pool string, p *Pool) {
	if !v.usable(path) {
		return
	}
	v.absolute(path+".token_file", h.TokenFile)
	for _, key := range []string{"port", "path"} {
		if v.given(path+".url") && v.given(path+"."+key) {
			v.fail(path+"."+key, "remove one of the two", "%s and url exclude each other", key)
			return
		}
	}
	if at := path + ".port"; v.given(at) && v.usable(at) && (h.Port < 1 || h.Port > 65535) {
		v.fail(at, "", "must be 1 to 65535, is %d", h.Port)
		return
	}
	if at := path + ".path"; v.given(at) && v.usable(at) && !strings.HasPrefix(h.Path, "/") {
		v.fail(at, "write /"+h.Path, "must begin with /, is %q", h.Path)
		return
	}
	key := path
	if v.given(path + ".url") {
		key += ".url"
	}
	if !v.usable(key) || !v.placeholders(key, h.Template(), "http://{host}:9001/shed") {
		return
	}
	if u, err := url.Parse(placeholderForm.ReplaceAllString(h.Template(), "x")); err == nil && u.User != nil {
		v.fail(key, "put a token into token_file", "must hold no password: it is shown and logged")
	}
	if !NeedsAddress(h.Template()) {
		return
	}
	for i, b := range p.Backends {
		at := pool + ".backends[" + strconv.Itoa(i) + "]"
		if b.Address == "" && v.usable(at) && v.usable(at+".address") {
			v.fail(at+".address", "write host:port", "is required because shed.hook asks it")
		}
	}
}
