package redirect

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// AnyOrigin stands for the pages of all sites.
const AnyOrigin = "*"

// preflightAge is for how many seconds a browser asks no more whether it may.
const preflightAge = "600"

// ParseOrigin reads the origin of pages, such as https://app.example.org, or
// [AnyOrigin], and returns it as browsers write it.
func ParseOrigin(text string) (string, error) {
	if text == AnyOrigin {
		return text, nil
	}
	u, err := url.Parse(strings.ToLower(text))
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.Contains(u.Host, "*") || u.Scheme+"://"+u.Host != strings.ToLower(text) {
		return "", fmt.Errorf("origin %q is not of the form https://app.example.org", text)
	}
	if (u.Scheme == "http" && u.Port() == "80") || (u.Scheme == "https" && u.Port() == "443") {
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port())
	}
	return u.Scheme + "://" + u.Host, nil
}

// share lets pages of the origins allowed read the answer, and says whether the request
// was nothing but a browser's question whether it may ask (a preflight).
func (t *Target) share(h http.Header, r *http.Request) (preflight bool) {
	if len(t.origins) == 0 {
		return false
	}
	origin := r.Header.Get("Origin")
	all := slices.Contains(t.origins, AnyOrigin)
	if !all {
		h.Add("Vary", "Origin")
	}
	switch {
	case origin == "":
		return false
	case slices.Contains(t.origins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		if t.key.from == "cookie" { // which is sent for pages that are named only
			h.Set("Access-Control-Allow-Credentials", "true")
		}
	case all:
		h.Set("Access-Control-Allow-Origin", AnyOrigin)
	default:
		return false
	}
	h.Set("Access-Control-Expose-Headers", "Retry-After")
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" {
		return false
	}
	h.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	// No answer depends on any of them, but for the key's.
	if asked := r.Header.Get("Access-Control-Request-Headers"); asked != "" {
		h.Set("Access-Control-Allow-Headers", asked)
	}
	h.Set("Access-Control-Max-Age", preflightAge)
	return true
}
