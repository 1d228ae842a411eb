package config

import (
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trimtab-lb/trimtab/scorer/source"
)

func (v *validator) load(path string, p *Pool) {
	seen := map[string]string{}
	for i, l := range p.Load {
		at := path + ".load[" + strconv.Itoa(i) + "]"
		var given []string
		for _, key := range loadKinds() {
			if v.given(at + "." + key) {
				given = append(given, key)
			}
		}
		switch {
		case len(given) == 0:
			v.oneOf(at, loadKinds())
		case len(given) > 1:
			v.fail(at, `put "- " before each`, "has more than one kind of load report: %s", strings.Join(given, ", "))
		case given[0] == "proxy":
			v.unique(seen, at+".proxy", "load", "proxy")
			v.statsPage(at+".proxy", l.Proxy)
			v.forwarded(at+".proxy.orca", l.Proxy, p)
		case given[0] == "push":
			v.unique(seen, at+".push", "load", "push")
			v.push(at+".push", l.Push, p)
		case given[0] == "orca":
			v.unique(seen, at+".orca", "load", "orca")
			v.orca(at+".orca", l.ORCA, p)
		default:
			v.poll(at+"."+given[0], *l.poll(), p)
			v.metrics(at+".prometheus", l.Prometheus)
			v.unique(seen, at+"."+given[0], "load", given[0]+" "+l.poll().Template())
		}
	}
	v.addresses(path, p)
}

func loadKinds() []string { return []string{"http", "prometheus", "orca", "push", "proxy"} }

func (v *validator) orca(path string, l *ORCALoad, p *Pool) {
	if l == nil || !v.usable(path) {
		return
	}
	if v.given(path+".port") && v.usable(path+".port") && (l.Port < 1 || l.Port > 65535) {
		v.fail(path+".port", "", "must be 1 to 65535, is %d", l.Port)
	}
	v.period(path+".period", l.Period, p)
}

func (v *validator) push(path string, l *PushLoad, p *Pool) {
	if l == nil || !v.usable(path) {
		return
	}
	v.absolute(path+".token_file", l.TokenFile)
	if at := path + ".ttl"; v.given(at) && v.usable(at) && p.Limits.StaleAfter >= minStaleAfter {
		if l.TTL < minStaleAfter || l.TTL > p.Limits.StaleAfter {
			v.fail(at, "leave it out for limits.stale_after", "must be %s to limits.stale_after %s, when no report counts any more, is %s",
				minStaleAfter, p.Limits.StaleAfter, l.TTL)
		}
	}
}

func (v *validator) statsPage(path string, l *ProxyLoad) {
	if l == nil || !v.usable(path) {
		return
	}
	page := path + ".stats_page"
	if l.StatsPage == "" {
		for _, key := range []string{"backend", "username", "password_file"} {
			if v.given(path + "." + key) {
				v.fail(path+"."+key, "", "needs stats_page beside it")
			}
		}
		return
	}
	if u, err := url.Parse(l.StatsPage); v.usable(page) && (err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https")) {
		v.fail(page, "write http://host:port/path, as HAProxy's \"stats uri\" says", "%q is not the URL of a page", l.StatsPage)
	}
	if v.given(path + ".backend") {
		v.name(path+".backend", l.Backend)
	}
	v.absolute(path+".password_file", l.PasswordFile)
	if (l.Username == "") != (l.PasswordFile == "") {
		v.fail(path, "", "username and password_file go together")
	}
}

var forwardedForm = regexp.MustCompile(`^(cpu|mem|application)_utilization$|^named_metrics\.(\*|[^*]+)$`)

func (v *validator) forwarded(path string, l *ProxyLoad, p *Pool) {
	if l == nil || len(l.ORCA) == 0 || !v.usable(path) {
		return
	}
	if !slices.ContainsFunc(p.Targets, func(t Target) bool { return t.Envoy != nil }) {
		v.fail(path, "write - orca: {} to have them streamed", "needs an envoy target: no other proxy passes reports on")
	}
	for i, name := range l.ORCA {
		if !forwardedForm.MatchString(name) {
			v.fail(path+"["+strconv.Itoa(i)+"]", "", "%q is none of cpu_utilization, mem_utilization, application_utilization, named_metrics.NAME and named_metrics.*", name)
		}
	}
}

func (v *validator) poll(path string, l Poll, p *Pool) {
	if !v.usable(path) {
		return
	}
	v.template(path, l)
	v.period(path+".period", l.Period, p)
	if v.given(path+".timeout") && v.usable(path+".timeout") && (l.Timeout <= 0 || l.Timeout > l.Period) {
		v.fail(path+".timeout", "default: half the period", "must be above 0 and at most the period %s, is %s", l.Period, l.Timeout)
	}
}

func (v *validator) period(path string, period time.Duration, p *Pool) {
	if v.usable(path) && period < 100*time.Millisecond {
		v.fail(path, "default 1s", "must be at least 100ms, is %s", period)
	}
	if v.usable(path) && p.Limits.StaleAfter >= minStaleAfter && period >= p.Limits.StaleAfter {
		v.fail(path, "poll more often, or raise stale_after",
			"must be below limits.stale_after %s, or every report is stale, is %s", p.Limits.StaleAfter, period)
	}
}

// metrics checks the selectors of a metrics page.
func (v *validator) metrics(path string, l *PrometheusLoad) {
	if l == nil || !v.usable(path) {
		return
	}
	selectors := map[string]string{
		"utilization": l.Utilization, "cpu": l.CPU, "memory": l.Memory, "in_flight": l.InFlight,
		"requests": l.Requests, "errors": l.Errors, "latency": l.Latency,
	}
	for name, selector := range l.Named {
		selectors[join("named", name)] = selector
	}
	for key, selector := range selectors {
		at := path + "." + key
		if !v.given(at) || !v.usable(at) {
			continue
		}
		if _, err := source.ParseSelector(selector); err != nil {
			v.fail(at, "", "%v", err)
		}
	}
}

// addresses reports the backends without an address that some load entry polls
// by it, once each.
func (v *validator) addresses(path string, p *Pool) {
	i := slices.IndexFunc(p.Load, func(l LoadSource) bool {
		poll := l.poll()
		return l.ORCA != nil || poll != nil && NeedsAddress(poll.Template())
	})
	if i < 0 {
		return
	}
	for j, b := range p.Backends {
		at := path + ".backends[" + strconv.Itoa(j) + "]"
		if b.Address == "" && v.usable(at) && v.usable(at+".address") {
			v.fail(at+".address", "write host:port", "is required because load[%d] polls it", i)
		}
	}
}

var placeholderForm = regexp.MustCompile(`\{[^{}]*\}`)

func (v *validator) template(path string, l Poll) {
	hasPath, hasURL := v.given(path+".path"), v.given(path+".url")
	switch {
	case !v.usable(path+".path") || !v.usable(path+".url"):
		return
	case hasPath && hasURL:
		v.fail(path+".path", "remove one of the two", "path and url exclude each other")
		return
	case hasPath && !strings.HasPrefix(l.Path, "/"):
		v.fail(path+".path", "write /"+l.Path, "must begin with /, is %q", l.Path)
		return
	case !hasPath && !hasURL:
		v.fail(path, "write path: /load, or url: http://{address}/load", "path or url is required")
		return
	}
	key := path + ".url"
	if hasPath {
		key = path + ".path"
	}
	v.placeholders(key, l.Template(), "http://{address}/load")
}

// placeholders checks a URL with a place for what differs from backend to backend,
// and says whether it is fine.
func (v *validator) placeholders(key, template, example string) bool {
	for _, placeholder := range placeholderForm.FindAllString(template, -1) {
		switch placeholder {
		case "{address}", "{host}", "{name}":
		default:
			v.fail(key, didYouMean(strings.Trim(placeholder, "{}"), []string{"address", "host", "name"}),
				"unknown placeholder %s", placeholder)
			return false
		}
	}
	u, err := url.Parse(strings.NewReplacer("{address}", "h:1", "{host}", "h", "{name}", "n").Replace(template))
	switch {
	case err != nil:
		v.fail(key, "", "is not a URL: %v", err)
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		v.fail(key, "write "+example, "must be an http or https URL, is %q", template)
	case !strings.Contains(template, "{"):
		v.fail(key, "put {address}, {host} or {name} where backends differ", "every backend would be asked at the same URL")
	default:
		return true
	}
	return false
}
