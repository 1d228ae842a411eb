package haproxy

import (
	"fmt"
	"net"
	"strings"
)

// ParseSocket understands what HAProxy's own "stats socket" line does: a path (with
// a slash in it),
// unix@path, host:port or ipv4@host:port (and ipv6@, abns@ for Linux's abstract
// sockets), and returns what [net.Dial] takes.
func ParseSocket(text string) (network, address string, err error) {
	family, rest, hasFamily := strings.Cut(text, "@")
	if !hasFamily {
		family, rest = "", text
	}
	switch {
	case rest == "":
		return "", "", fmt.Errorf("socket %q: empty; expected a path or host:port", text)
	case family == "unix", family == "" && strings.Contains(rest, "/"):
		return "unix", rest, nil
	case family == "abns":
		return "unix", "@" + rest, nil
	case family == "" || family == "ipv4" || family == "ipv6" || family == "tcp":
		host, port, err := net.SplitHostPort(rest)
		if err != nil || port == "" {
			return "", "", fmt.Errorf("socket %q: expected a path with a slash or host:port", text)
		}
		return "tcp", net.JoinHostPort(host, port), nil
	default:
		return "", "", fmt.Errorf("socket %q: unknown address family %q; expected a path, unix@path or host:port", text, family)
	}
}
