package xds

import "testing"

func TestMatches(t *testing.T) {
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{
		{"edge-1", "edge-1", true},
		{"edge-1", "edge-12", false},
		{"*", "", true},
		{"*", "anything/at all", true},
		{"edge-*", "edge-", true},
		{"edge-*", "wedge-1", false},
		{"spiffe://prod/*", "spiffe://prod/ns/edge/sa/envoy", true},
		{"*.edge.test", "a.b.edge.test", true},
		{"a*b*c", "a1b2c", true},
		{"a*b*c", "ac", false},
		{"ab*ba", "aba", false},
		{"a**b", "ab", true},
		{"[", "[", true},
	} {
		if got := matches(test.pattern, test.text); got != test.want {
			t.Errorf("%q matches %q: %t, want %t", test.pattern, test.text, got, test.want)
		}
	}
}
