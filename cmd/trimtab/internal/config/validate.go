package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
)

// validator checks what single values cannot show: ranges, what is required,
// and what has to agree. A value that the decoder has refused is not judged
// again.
type validator struct{ *decoder }

// given is true when the file has the path.
func (v *validator) given(path string) bool { _, ok := v.places[path]; return ok }

// usable is true when the path's value is worth judging.
func (v *validator) usable(path string) bool { return !v.broken[path] }

// fail reports at the path, or at the nearest mapping around it.
func (v *validator) fail(path, hint, format string, args ...any) {
	at := path
	for !v.given(at) && at != "" {
		at = at[:max(strings.LastIndexAny(at, ".["), 0)]
	}
	where, ok := v.places[at]
	if !ok {
		where = place{1, 1}
	}
	v.report(where, path, hint, format, args...)
}

func (v *validator) config(c *Config) {
	v.admin("admin", c.Admin)
	v.absolute("state.path", c.State.Path)
	v.xds("xds", c.XDS)
	if len(c.Pools) == 0 && v.usable("pools") {
		v.fail("pools", "add - name: …", "at least one pool is required")
	}
	names, steered := map[string]string{}, map[string]string{}
	for i := range c.Pools {
		path := "pools[" + strconv.Itoa(i) + "]"
		if !v.usable(path) {
			continue
		}
		v.unique(names, path+".name", "pool", c.Pools[i].Name)
		v.pool(path, &c.Pools[i], steered)
	}
	v.agentListeners(c.Pools)
	if c.XDS == nil && v.usable("xds") {
		v.needsNoXDS(c.Pools)
	}
}

// nameForm is what HAProxy allows in a name, which also is safe in a URL and a
// log.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// name checks a required name.
func (v *validator) name(path, value string) {
	switch {
	case !v.usable(path):
	case value == "":
		v.fail(path, "", "is required")
	case !nameForm.MatchString(value):
		v.fail(path, "letters, digits, - _ . and : only", "%q is not a name", value)
	}
}

// unique reports the second use of a value and where the first was.
func (v *validator) unique(seen map[string]string, path, what, value string) {
	if value == "" || !v.usable(path) {
		return
	}
	if first, again := seen[value]; again {
		v.fail(path, fmt.Sprintf("first on line %d", v.places[first].line), "duplicate %s %q", what, value)
		return
	}
	seen[value] = path
}

// address checks host:port. Without a host it is any address of this machine,
// which only a listener can mean.
func (v *validator) address(path, value string, listen bool) {
	host, port, err := net.SplitHostPort(value)
	if err != nil {
		hint := "write host:port"
		if ip, ipErr := netip.ParseAddr(value); ipErr == nil && ip.Is6() {
			hint = "write [" + value + "]:port"
		}
		v.fail(path, hint, "%q is not an address", value)
		return
	}
	if host == "" && !listen {
		v.fail(path, "write host:port", "%q has no host", value)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || (n == 0 && !listen) {
		v.fail(path, "1 to 65535", "%q is not a port", port)
	}
}

// listen checks a required address to listen on.
func (v *validator) listen(path, value, hint string) {
	switch {
	case !v.usable(path):
	case value == "":
		v.fail(path, hint, "is required")
	default:
		v.address(path, value, true)
	}
}

// networks checks a list of networks and addresses.
func (v *validator) networks(path string, list []string) {
	for i, text := range list {
		at := path + "[" + strconv.Itoa(i) + "]"
		if _, err := parseNetwork(text); err != nil && v.usable(at) {
			v.fail(at, "write 10.0.0.0/8 or an address", "%q is not a network", text)
		}
	}
}
