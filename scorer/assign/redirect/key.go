package redirect

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Key says what of a request sends it to the same backend each time: cookie:NAME,
// header:NAME, query:NAME or client, which is its address; "" is nothing.
type Key struct{ from, name string }

// ParseKey reads a key.
func ParseKey(text string) (Key, error) {
	from, name, named := strings.Cut(text, ":")
	switch {
	case text == "", text == "client":
		return Key{from: text}, nil
	case named && name != "" && (from == "cookie" || from == "header" || from == "query"):
		if from != "query" && strings.ContainsFunc(name, func(c rune) bool {
			return c <= ' ' || c >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?={}`, c)
		}) {
			break
		}
		return Key{from, name}, nil
	}
	return Key{}, fmt.Errorf("key %q is not cookie:NAME, header:NAME, query:NAME or client", text)
}

// queryValue is the first value of a name, as of [url.ParseQuery] but without reading
// all the others. What cannot be read is left out.
func queryValue(query, name string) string {
	for pair := range strings.SplitSeq(query, "&") {
		key, value, _ := strings.Cut(pair, "=")
		if strings.IndexByte(pair, ';') >= 0 || !(key == name || unescaped(key) == name) {
			continue
		}
		if value, err := url.QueryUnescape(value); err == nil {
			return value
		}
	}
	return ""
}

// unescaped is a query's key as it is meant, "" where it cannot be read.
func unescaped(key string) string {
	if !strings.ContainsAny(key, "%+") {
		return key
	}
	key, _ = url.QueryUnescape(key)
	return key
}

// of is a request's key, empty where it has none.
func (k Key) of(r *http.Request, client netip.Addr) []byte {
	switch k.from {
	case "client":
		if !client.IsValid() {
			return nil
		}
		return client.AsSlice()
	case "cookie":
		if c, err := r.Cookie(k.name); err == nil {
			return []byte(c.Value)
		}
	case "header":
		return []byte(r.Header.Get(k.name))
	case "query":
		return []byte(queryValue(r.URL.RawQuery, k.name))
	}
	return nil
}
