package policy

import "slices"

// sections are the words that begin a section, up to HAProxy 3.4.
var sections = [...]string{
	"acme", "backend", "cache", "crt-store", "defaults", "fcgi-app", "frontend", "global", "healthcheck",
	"http-errors", "listen", "log-forward", "log-profile", "mailers", "peers", "program", "resolvers",
	"ring", "ruleset", "traces", "userlist",
}

// header is the first line of a section.
type header struct {
	kind, name string
	// from is the defaults section that it names to inherit from, "" for none.
	from string
}

// header reads a line as the beginning of a section; ok is false for any other.
func (l *line) header() (h header, ok bool) {
	h.kind = l.word(0)
	if !slices.Contains(sections[:], h.kind) {
		return h, false
	}
	rest := 2
	if h.kind == "defaults" && l.word(1) == "from" && len(l.words) == 3 {
		rest = 1 // it has no name
	} else {
		h.name = l.word(1)
	}
	if l.word(rest) == "from" {
		h.from = l.word(rest + 1)
	}
	return h, true
}

// balanced says whether the section is one that balances.
func (h header) balanced() bool { return h.kind == "backend" || h.kind == "listen" }

// inherits says whether defaults hold for the section.
func (h header) inherits() bool { return h.balanced() || h.kind == "frontend" || h.kind == "defaults" }
