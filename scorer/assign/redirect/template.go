package redirect

import (
	"errors"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
)

// Template is where clients are sent: ws://{address}{path}. The placeholders are
// {address} (host:port), {host}, {port} and {name} of the backend, and {path} of the
// request. The request's query is kept.
type Template struct {
	// parts are literal text and placeholders in turn, literal first.
	parts []string
}

var (
	templateForm = regexp.MustCompile(`^(?:http|https|ws|wss)://([^/?#@]+?)((?:/[^?#]*)?)$`)
	placeholder  = regexp.MustCompile(`\{(\w*)\}`)
	literalForm  = regexp.MustCompile(`^[A-Za-z0-9._~:/\-]*$`)
	hostForm     = regexp.MustCompile(`^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$`)
)

// ParseTemplate reads a URL with placeholders. That has a host which depends on the
// backend, and {path} once at most, behind the host.
func ParseTemplate(text string) (Template, error) {
	fail := func(why string) (Template, error) { return Template{}, fmt.Errorf("url %q: %s", text, why) }
	before, after, found := strings.Cut(text, "{path}")
	if found && strings.Contains(after, "{path}") {
		return fail("has {path} twice")
	}
	fixed := before
	if found && after != "" {
		return fail("has something behind {path}")
	}
	m := templateForm.FindStringSubmatch(fixed)
	if m == nil {
		return fail("is not of the form http, https, ws or wss://{address}{path}, without user, query and fragment")
	}
	if found && strings.HasSuffix(m[2], "/") {
		return fail("has a / before {path}, which begins with one")
	}
	hosts := placeholder.FindAllString(m[1], -1)
	if len(hosts) == 0 || (len(hosts) == 1 && hosts[0] == "{port}") {
		return fail("sends everybody to the same host: it needs {address}, {host} or {name}")
	}
	var t Template
	rest := text
	for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
		name := text[at[2]:at[3]]
		switch name {
		case "address", "host", "port", "name", "path":
		default:
			return fail("{" + name + "} is none of {address}, {host}, {port}, {name} and {path}")
		}
		t.parts = append(t.parts, text[len(text)-len(rest):at[0]], name)
		rest = text[at[1]:]
	}
	t.parts = append(t.parts, rest)
	for i := 0; i < len(t.parts); i += 2 {
		if !literalForm.MatchString(t.parts[i]) {
			return fail("has characters that have to be escaped")
		}
	}
	return t, nil
}

// errBackend is a name or an address that makes no URL.
var errBackend = errors.New("is not a host and a port, or its name not one of a host")

// check says whether URLs for a backend can be made.
func (t Template) check(name, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	usesName := false
	for i := 1; i < len(t.parts); i += 2 {
		usesName = usesName || t.parts[i] == "name"
	}
	isHost := hostForm.MatchString(host) || (net.ParseIP(host) != nil)
	if err != nil || n == 0 || !isHost || (usesName && !hostForm.MatchString(name)) {
		return fmt.Errorf("backend %s, address %q: %w", name, address, errBackend)
	}
	return nil
}

// expand makes the URL. The backend has been checked; path is escaped and begins with
// a slash, query is escaped.
func (t Template) expand(name, address, path, query string) string {
	var b strings.Builder
	b.Grow(64 + len(path) + len(query))
	for i, part := range t.parts {
		if i%2 == 0 {
			b.WriteString(part)
			continue
		}
		colon := strings.LastIndexByte(address, ':')
		switch part {
		case "address":
			b.WriteString(address)
		case "host":
			b.WriteString(address[:colon]) // an IPv6 address keeps its brackets
		case "port":
			b.WriteString(address[colon+1:])
		case "name":
			b.WriteString(name)
		case "path":
			b.WriteString(path)
		}
	}
	if query != "" {
		b.WriteByte('?')
		b.WriteString(query)
	}
	return b.String()
}

const hexadecimal = "0123456789ABCDEF"

// escapeQuery makes a query safe for a header and a URL: what is no character of
// either is escaped, all else stays as the client wrote it.
func escapeQuery(query string) string {
	unsafe := func(c byte) bool { return c <= ' ' || c >= 0x7f || strings.IndexByte("\"#<>\\^`{|}", c) >= 0 }
	count := 0
	for i := range len(query) {
		if unsafe(query[i]) {
			count++
		}
	}
	if count == 0 {
		return query
	}
	out := make([]byte, 0, len(query)+2*count)
	for i := range len(query) {
		if c := query[i]; unsafe(c) {
			out = append(out, '%', hexadecimal[c>>4], hexadecimal[c&15])
		} else {
			out = append(out, c)
		}
	}
	return string(out)
}
